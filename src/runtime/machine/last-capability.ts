/** How far this kernel counts capabilities. Source: capabilities(7), /proc/sys/kernel/cap_last_cap. */
import { readTextSync } from "../../sys/index.ts";
import { CAPABILITY_NAMES } from "../compile/capabilities.ts";

/** The highest capability that this kernel and teu know. */
export function lastCapability(): number {
  const number = Number.parseInt(readTextSync("/proc/sys/kernel/cap_last_cap"), 10);
  return Math.min(number, CAPABILITY_NAMES.length - 1);
}
