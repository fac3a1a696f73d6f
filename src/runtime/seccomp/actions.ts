/**
 * What a filter returns for each action of a profile, and the flags it is loaded with.
 * Source: runtime-spec config-linux.md, seccomp; linux/seccomp.h.
 */
import type { Seccomp, SeccompAction } from "../../spec/index.ts";
import { InvalidSeccomp } from "./errors.ts";

/** `SECCOMP_RET_*`: in the order of their severity, the low 16 bits free for data. */
export const RET_KILL_PROCESS = 0x8000_0000;
export const RET_KILL_THREAD = 0x0000_0000;
export const RET_TRAP = 0x0003_0000;
export const RET_ERRNO = 0x0005_0000;
export const RET_USER_NOTIF = 0x7fc0_0000;
export const RET_TRACE = 0x7ff0_0000;
export const RET_LOG = 0x7ffc_0000;
export const RET_ALLOW = 0x7fff_0000;

/** `SECCOMP_FILTER_FLAG_*`. */
export const FLAG_LOG = 1 << 1;
export const FLAG_SPEC_ALLOW = 1 << 2;
export const FLAG_NEW_LISTENER = 1 << 3;
export const FLAG_WAIT_KILLABLE_RECV = 1 << 5;

const EPERM = 1;
const ENOSYS = 38;
const MAX_ERRNO = 4095;
const MAX_DATA = 0xffff;

export const RET_ENOSYS = RET_ERRNO | ENOSYS;

const PLAIN: Partial<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: RET_KILL_PROCESS,
  SCMP_ACT_TRAP: RET_TRAP,
  SCMP_ACT_ALLOW: RET_ALLOW,
  SCMP_ACT_LOG: RET_LOG,
  SCMP_ACT_NOTIFY: RET_USER_NOTIF,
};

/**
 * The filter's return value for `action`. Only ERRNO and TRACE carry a number, EPERM when none is given.
 * @throws {InvalidSeccomp} `errnoRet` with another action ("the runtime MUST … fail"), or out of range.
 */
export function returnValue(action: SeccompAction, errnoRet: number | undefined, path: string): number {
  const plain = PLAIN[action];
  if (plain !== undefined) {
    if (errnoRet === undefined) return plain;
    throw new InvalidSeccomp({ path, found: `an errno for ${action}`, want: "one for ERRNO or TRACE only" });
  }
  const [base, max] = action === "SCMP_ACT_ERRNO" ? [RET_ERRNO, MAX_ERRNO] : [RET_TRACE, MAX_DATA];
  const data = errnoRet ?? EPERM;
  if (!Number.isInteger(data) || data < 0 || data > max)
    throw new InvalidSeccomp({ path, found: String(data), want: `an integer from 0 to ${max}` });
  return base | data;
}

/** Signed, so that killing the process is the least: less is more severe. Source: seccomp(2), return values. */
export function severity(returned: number): number {
  return returned | 0;
}

/** Whether a call that no rule names goes through: then calls unknown to the profile need no ENOSYS. */
export function isPermissive(returned: number): boolean {
  return severity(returned) >= RET_TRACE;
}

const FLAGS: Readonly<Record<string, number>> = {
  // One thread loads the filter, so there is nothing to synchronise; runc knows the word and ignores it too.
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: FLAG_WAIT_KILLABLE_RECV,
};

/** The flags that a profile may name; with `supported`, those of them that a kernel with these flags knows. */
export function seccompFlags(supported = ~0): string[] {
  return Object.entries(FLAGS)
    .filter(([, flag]) => (flag & ~supported) === 0)
    .map(([name]) => name);
}

/**
 * The flags to load the filter with. No list means SPEC_ALLOW, an empty one means none: SPEC_ALLOW leaves the
 * processor's speculation as fast as outside, and callers that want the mitigation say so.
 * @throws {InvalidSeccomp} An unknown flag, one that `supported` lacks, or WAIT_KILLABLE_RECV with nothing to wait for.
 */
export function filterFlags(seccomp: Seccomp, supported: number): number {
  const listener = seccomp.syscalls?.some((rule) => rule.action === "SCMP_ACT_NOTIFY") ?? false;
  let flags = listener ? FLAG_NEW_LISTENER : 0;
  if (seccomp.flags === undefined) return flags | (FLAG_SPEC_ALLOW & supported);
  seccomp.flags.forEach((name, index) => {
    const path = `linux.seccomp.flags[${index}]`;
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (flag === undefined)
      throw new InvalidSeccomp({
        path,
        found: JSON.stringify(name),
        want: `one of ${seccompFlags().join(", ")}`,
      });
    if ((flag & ~supported) !== 0)
      throw new InvalidSeccomp({ path, found: name, want: "a flag that this kernel knows" });
    if (flag === FLAG_WAIT_KILLABLE_RECV && !listener)
      throw new InvalidSeccomp({ path, found: name, want: "a rule with SCMP_ACT_NOTIFY for it" });
    flags |= flag;
  });
  return flags;
}
