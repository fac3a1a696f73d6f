/** The default seccomp profile with the program that it compiles to: compiled once, when teu is built, for the capabilities that most containers have. */
import type { Seccomp } from "../spec/index.ts";
import type { Architecture } from "../sys/index.ts";
import { CAPABILITIES } from "./bundle/defaults.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import { DEFAULT_FILTER } from "./generated/default-filter.ts";

/** A profile, and what the kernel takes for it, where that is known: `struct sock_filter[]`. */
export interface Filter {
  readonly profile: Seccomp;
  readonly program?: Uint8Array;
}

/** The default profile, of which most containers have the same. @param capabilities  As in config.json: `CAP_SYS_ADMIN`. */
export function defaultFilter(asked: {
  readonly capabilities: readonly string[];
  readonly architecture: Architecture;
}): Filter {
  const profile = defaultSeccomp(asked);
  const isUsual = asked.capabilities.join() === CAPABILITIES.join();
  return { profile, ...(isUsual && { program: Uint8Array.fromBase64(DEFAULT_FILTER[asked.architecture]) }) };
}
