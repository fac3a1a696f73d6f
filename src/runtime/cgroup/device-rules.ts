/**
 * Device rules as one list that v1 files and v2 programs are made of: the later of two rules wins, and what every
 * container needs is allowed at the end.
 * Source: config-linux.md, allowed device list and default devices; kernel cgroup-v1/devices.rst.
 */
import { TeuError } from "../../base/index.ts";
import type { Device, DeviceRule } from "../../spec/index.ts";

/** Devices that differ from the default. `*`: any number. */
export interface DeviceException {
  readonly type: "b" | "c";
  readonly major: number | "*";
  readonly minor: number | "*";
  /** Out of r, w, m, in this order. */
  readonly access: string;
}

/** All devices allowed or none, and the exceptions from that. */
export interface DevicePolicy {
  readonly allowsByDefault: boolean;
  readonly exceptions: readonly DeviceException[];
}

/** A rule takes away part of what a wildcard gave; v1 has no way to say that, and v2 shall not differ. */
export class UnsupportedDeviceRule extends TeuError<
  "unsupported-device-rule",
  { rule: string; existing: string }
> {
  constructor(context: { rule: string; existing: string }) {
    super(
      "unsupported-device-rule",
      "unsupported",
      context,
      `Unsupported device rule ${context.rule}: it takes a part out of ${context.existing}`,
    );
  }
}

/** What runc appends to every container's rules; containers rely on it. The paths are those of default devices. */
const ALWAYS_ALLOWED: readonly (DeviceException & { readonly path?: string })[] = [
  { type: "c", major: "*", minor: "*", access: "m" },
  { type: "b", major: "*", minor: "*", access: "m" },
  { type: "c", major: 1, minor: 3, access: "rwm", path: "/dev/null" },
  { type: "c", major: 1, minor: 8, access: "rwm", path: "/dev/random" },
  { type: "c", major: 1, minor: 7, access: "rwm", path: "/dev/full" },
  { type: "c", major: 5, minor: 0, access: "rwm", path: "/dev/tty" },
  { type: "c", major: 1, minor: 5, access: "rwm", path: "/dev/zero" },
  { type: "c", major: 1, minor: 9, access: "rwm", path: "/dev/urandom" },
  { type: "c", major: 136, minor: "*", access: "rwm" }, // /dev/pts/*
  { type: "c", major: 5, minor: 2, access: "rwm" }, // /dev/ptmx
  { type: "c", major: 10, minor: 200, access: "rwm" }, // /dev/net/tun
];

/**
 * What `rules` and the always allowed ones come to. Nothing is allowed to begin with.
 * @param devices  A device that the container defines in a default one's place brings no rule of its own.
 * @throws {UnsupportedDeviceRule}
 */
export function devicePolicy(rules: readonly DeviceRule[], devices: readonly Device[] = []): DevicePolicy {
  const policy = new Policy();
  for (const rule of rules) {
    const { allow, type = "a", major, minor, access = "rwm" } = rule;
    const wanted = { major: number(major), minor: number(minor), access: ordered(access) };
    const isEverything = wanted.major === "*" && wanted.minor === "*" && wanted.access === "rwm";
    if (type === "a" && isEverything) policy.setAll(allow);
    // v1 reads any rule of type `a` as "everything"; a rule that says less must not give more.
    else
      for (const kind of type === "a" ? (["b", "c"] as const) : [type])
        policy.apply({ ...wanted, type: kind }, allow);
  }
  for (const { path, ...rule } of ALWAYS_ALLOWED) {
    const isReplaced = path !== undefined && devices.some((device) => device.path === path);
    if (!isReplaced) policy.apply(rule, true);
  }
  return policy.result();
}

/** -1 is Go's way to write "any". */
function number(value: number | undefined): number | "*" {
  return value === undefined || value < 0 ? "*" : value;
}

function ordered(access: string): string {
  return [..."rwm"].filter((letter) => access.includes(letter)).join("");
}

class Policy {
  #allowsByDefault = false;
  /** By type and numbers: what access is excepted. */
  readonly #exceptions = new Map<string, DeviceException>();

  setAll(allow: boolean): void {
    this.#allowsByDefault = allow;
    this.#exceptions.clear();
  }

  apply(rule: DeviceException, allow: boolean): void {
    if (allow !== this.#allowsByDefault) {
      const key = encodeNumbers(rule);
      const known = this.#exceptions.get(key)?.access ?? "";
      this.#exceptions.set(key, { ...rule, access: ordered(known + rule.access) });
      return;
    }
    for (const [key, existing] of this.#exceptions) {
      if (!overlaps(existing, rule)) continue;
      if (!covers(rule, existing))
        throw new UnsupportedDeviceRule({
          rule: encodeDeviceException(rule),
          existing: encodeDeviceException(existing),
        });
      const left = [...existing.access].filter((letter) => !rule.access.includes(letter)).join("");
      if (left === "") this.#exceptions.delete(key);
      else this.#exceptions.set(key, { ...existing, access: left });
    }
  }

  result(): DevicePolicy {
    return { allowsByDefault: this.#allowsByDefault, exceptions: [...this.#exceptions.values()] };
  }
}

/** Whether some access to some device is in both. */
function overlaps(one: DeviceException, other: DeviceException): boolean {
  const meets = (a: number | "*", b: number | "*"): boolean => a === "*" || b === "*" || a === b;
  return (
    one.type === other.type &&
    meets(one.major, other.major) &&
    meets(one.minor, other.minor) &&
    [...one.access].some((letter) => other.access.includes(letter))
  );
}

/** Whether every device of `inner` is one of `outer`. */
function covers(outer: DeviceException, inner: DeviceException): boolean {
  return (
    (outer.major === "*" || outer.major === inner.major) &&
    (outer.minor === "*" || outer.minor === inner.minor)
  );
}

function encodeNumbers({ type, major, minor }: DeviceException): string {
  return `${type} ${major}:${minor}`;
}

/** `c 1:3 rwm`, as devices.allow takes it. */
export function encodeDeviceException(exception: DeviceException): string {
  return `${encodeNumbers(exception)} ${exception.access}`;
}
