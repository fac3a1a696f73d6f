/** Names for the numbers in a printed plan. A number that has no name here is printed as it is. */
import type { SystemCall } from "../../sys/index.ts";
import type { Operand } from "./plan.ts";

type Names = readonly (readonly [number, string])[];

const ATTRIBUTES: Names = [
  [0x1, "RDONLY"],
  [0x2, "NOSUID"],
  [0x4, "NODEV"],
  [0x8, "NOEXEC"],
  [0x10, "NOATIME"],
  [0x20, "STRICTATIME"],
  [0x80, "NODIRATIME"],
  [0x200000, "NOSYMFOLLOW"],
];
const CLONE: Names = [
  [0x00000080, "CLONE_NEWTIME"],
  [0x00020000, "CLONE_NEWNS"],
  [0x02000000, "CLONE_NEWCGROUP"],
  [0x04000000, "CLONE_NEWUTS"],
  [0x08000000, "CLONE_NEWIPC"],
  [0x10000000, "CLONE_NEWUSER"],
  [0x20000000, "CLONE_NEWPID"],
  [0x40000000, "CLONE_NEWNET"],
];
const AT: Names = [
  [0x1000, "AT_EMPTY_PATH"],
  [0x8000, "AT_RECURSIVE"],
];
const COMMAND: Names = [
  [0, "FSCONFIG_SET_FLAG"],
  [1, "FSCONFIG_SET_STRING"],
  [6, "FSCONFIG_CMD_CREATE"],
  [7, "FSCONFIG_CMD_RECONFIGURE"],
];
const PRCTL: Names = [
  [1, "PR_SET_PDEATHSIG"],
  [4, "PR_SET_DUMPABLE"],
  [8, "PR_SET_KEEPCAPS"],
  [15, "PR_SET_NAME"],
  [24, "PR_CAPBSET_DROP"],
  [38, "PR_SET_NO_NEW_PRIVS"],
  [47, "PR_CAP_AMBIENT"],
];
const IOCTL: Names = [
  [0x540e, "TIOCSCTTY"],
  [0x5414, "TIOCSWINSZ"],
  [0x40045431, "TIOCSPTLCK"],
  [0x5441, "TIOCGPTPEER"],
  [0x8914, "SIOCSIFFLAGS"],
];

/** By call and argument; `exact`: one name for the whole number, else the names of its bits. */
const TABLE: Partial<Record<SystemCall, Record<number, { names: Names; exact?: true }>>> = {
  fsmount: { 2: { names: ATTRIBUTES } },
  unshare: { 0: { names: CLONE } },
  setns: { 1: { names: CLONE } },
  open_tree: { 2: { names: [...AT, [1, "OPEN_TREE_CLONE"], [0o2000000, "OPEN_TREE_CLOEXEC"]] } },
  mount_setattr: { 2: { names: AT } },
  move_mount: {
    4: {
      names: [
        [0x04, "F_EMPTY_PATH"],
        [0x40, "T_EMPTY_PATH"],
      ],
    },
  },
  fsconfig: { 1: { names: COMMAND, exact: true } },
  fspick: {
    2: {
      names: [
        [1, "FSPICK_CLOEXEC"],
        [8, "FSPICK_EMPTY_PATH"],
      ],
    },
  },
  fsopen: { 1: { names: [[1, "FSOPEN_CLOEXEC"]] } },
  prctl: { 0: { names: PRCTL, exact: true } },
  ioctl: { 1: { names: IOCTL, exact: true } },
  umount2: { 1: { names: [[2, "MNT_DETACH"]] } },
  close_range: { 2: { names: [[4, "CLOSE_RANGE_CLOEXEC"]] } },
  seccomp: { 0: { names: [[1, "SECCOMP_SET_MODE_FILTER"]], exact: true } },
};
const AT_FDCWD = -100;

/** The name of argument `index` of `call`, or undefined. */
export function flagNames(call: SystemCall, index: number, operand: Operand): string | undefined {
  if (typeof operand !== "number") return undefined;
  const value = operand;
  if (value === AT_FDCWD && index <= 1) return "AT_FDCWD";
  const known = TABLE[call]?.[index];
  if (known === undefined) return undefined;
  if (known.exact) return known.names.find(([number]) => number === value)?.[1];
  const names: string[] = [];
  let rest = value;
  for (const [bit, name] of known.names)
    if ((rest & bit) !== 0) {
      names.push(name);
      rest &= ~bit;
    }
  if (names.length === 0) return undefined;
  return rest === 0 ? names.join("|") : `${names.join("|")}|0x${rest.toString(16)}`;
}
