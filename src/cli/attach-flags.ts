/** The flags by which a teu stays with a container. Docker's. */
import type { Flags, ParsedArguments } from "../base/index.ts";
import { type AttachOptions, parseDetachKeys } from "../engine/index.ts";

export const ATTACH_FLAGS = {
  "sig-proxy": {
    kind: "boolean",
    default: true,
    summary: "Pass signals that reach teu on to the program",
  },
  "detach-keys": {
    kind: "string",
    value: "KEYS",
    summary: "The keys that leave it running (ctrl-p,ctrl-q)",
  },
} as const satisfies Flags;

/** @throws {InvalidOption} */
export function attachOptions(flags: ParsedArguments<typeof ATTACH_FLAGS>["flags"]): AttachOptions {
  const keys = flags["detach-keys"];
  return {
    passesSignals: flags["sig-proxy"],
    ...(keys !== undefined && { detachKeys: parseDetachKeys(keys) }),
  };
}
