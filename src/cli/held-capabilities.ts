/** What a privileged container can be given. */
import { readFileSync } from "node:fs";
import { CAPABILITY_NAMES } from "../runtime/index.ts";

/** Those that we have: not every root has them all, and nobody can give what he has not. */
export function heldCapabilities(): readonly string[] {
  const [, bounding = "0"] = /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return CAPABILITY_NAMES.filter((_, number) => (BigInt(`0x${bounding}`) >> BigInt(number)) & 1n);
}
