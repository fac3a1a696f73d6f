/** What attackers are given: as much as a container can have without being the host. */
import type { Process } from "../../../src/spec/index.ts";

const NAMES = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"],
  ...[
    "NET_BIND_SERVICE",
    "NET_RAW",
    "NET_ADMIN",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_ADMIN",
    "MKNOD",
    "SETFCAP",
  ],
].map((name) => `CAP_${name}`);

/** Every capability that an attack has a use for, and no no_new_privs. */
export const allCapabilities: Pick<Process, "capabilities" | "noNewPrivileges"> = {
  capabilities: { bounding: NAMES, effective: NAMES, permitted: NAMES },
  noNewPrivileges: false,
};
