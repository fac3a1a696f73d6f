/**
 * Device rules as DevicePolicy and DeviceAllow, so that systemd, when it applies its own again (at a daemon-reload), takes
 * nothing away and gives nothing. It knows lists of what is allowed only.
 * Source: systemd.resource-control(5); the forms of entries: runc.
 */
import type { DeviceException, DevicePolicy } from "../device-rules.ts";
import { type Property, property } from "./property.ts";

export function deviceProperties({ allowsByDefault, exceptions }: DevicePolicy): Property[] {
  // What systemd cannot say is left to our own rules alone, which stand beside its "everything".
  if (allowsByDefault) return [property("DevicePolicy", "s", "auto"), property("DeviceAllow", "a(ss)", [])];
  const entries = exceptions.flatMap((exception) => {
    const path = pathOf(exception);
    return path === undefined ? [] : [[path, exception.access]];
  });
  const isComplete = entries.length === exceptions.length;
  if (!isComplete) return [property("DevicePolicy", "s", "auto"), property("DeviceAllow", "a(ss)", [])];
  // The empty list first: it takes away what a unit of this name had.
  return [
    property("DeviceAllow", "a(ss)", []),
    property("DevicePolicy", "s", "strict"),
    property("DeviceAllow", "a(ss)", entries),
  ];
}

/** `/dev/char/1:3`, `char-136`, `block-*`. Any major with one minor cannot be said. */
function pathOf({ type, major, minor }: DeviceException): string | undefined {
  const kind = type === "c" ? "char" : "block";
  if (major === "*") return minor === "*" ? `${kind}-*` : undefined;
  return minor === "*" ? `${kind}-${major}` : `/dev/${kind}/${major}:${minor}`;
}
