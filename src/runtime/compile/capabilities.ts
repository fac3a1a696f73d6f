/** Capabilities by number. Source: capabilities(7); runtime-spec config.md, process.capabilities. */

import type { Capabilities } from "../../spec/index.ts";

/** In the order of their numbers, from 0. */
export const CAPABILITY_NAMES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

/** The numbers of `names`; one that this kernel does not know is left out (config.md: it is only warned of). */
export function capabilityNumbers(
  names: readonly string[] | undefined,
  lastCapability: number,
): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const name of names ?? []) {
    const number = CAPABILITY_NAMES.indexOf(name);
    if (number >= 0 && number <= lastCapability) numbers.add(number);
  }
  return numbers;
}

/** Names of `capabilities` that no kernel has, or none that teu knows of. */
export function unknownCapabilities(capabilities: Capabilities = {}): string[] {
  const named = Object.values(capabilities).flat();
  return [...new Set(named)].filter((name) => !CAPABILITY_NAMES.includes(name)).sort();
}

/** `struct __user_cap_data_struct[2]`: the low 32 of effective, permitted and inheritable, then the high 32. */
export function capabilityData(...sets: readonly ReadonlySet<number>[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(2 * sets.length);
  sets.forEach((set, index) => {
    for (const number of set) {
      const word = number < 32 ? index : sets.length + index;
      words[word] = ((words[word] ?? 0) | (1 << (number & 31))) >>> 0;
    }
  });
  return words;
}
