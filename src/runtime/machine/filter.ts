/** Filters for this machine. Source: runtime-spec config-linux.md, Seccomp; seccomp(2). */
import type { Seccomp } from "../../spec/index.ts";
import { architecture, errno, syscall } from "../../sys/index.ts";
import { SECCOMP_SET_MODE_FILTER } from "../compile/constants.ts";
import type { SeccompPlan } from "../compile/context.ts";
import {
  FLAG_LOG,
  FLAG_NEW_LISTENER,
  FLAG_SPEC_ALLOW,
  FLAG_WAIT_KILLABLE_RECV,
  filterFlags,
} from "../seccomp/actions.ts";
import { compileSeccomp } from "../seccomp/compile.ts";
import { hasLimitedRights } from "./rights.ts";

/**
 * The flags that this kernel knows. It looks at them before it looks at the program: with none EFAULT says that they are
 * known, EINVAL that one is not.
 */
export function supportedFlags(): number {
  const tried = [FLAG_LOG, FLAG_SPEC_ALLOW, FLAG_NEW_LISTENER, FLAG_NEW_LISTENER | FLAG_WAIT_KILLABLE_RECV];
  return tried
    .filter((flags) => syscall("seccomp", SECCOMP_SET_MODE_FILTER, flags, 0) === -errno.EFAULT)
    .reduce((all, flags) => all | flags, 0);
}

/** The filter for this machine. @param known  Its program, if the caller has that; nobody listens to it. @throws {InvalidSeccomp} @throws {SeccompTooLarge} */
export function compileFilter(seccomp: Seccomp, known?: Uint8Array): SeccompPlan {
  if (known !== undefined) return { program: known, flags: filterFlags(seccomp, supportedFlags()) };
  const { program, flags, listener } = compileSeccomp(seccomp, {
    architecture,
    supportedFlags: supportedFlags(),
  });
  const { listenerPath: path, listenerMetadata: metadata } = seccomp;
  // Without a rule that notifies, the path means nothing. Source: config-linux.md, listenerPath.
  if (!listener || path === undefined) return { program, flags };
  return {
    program,
    flags,
    listener: { path, ...(metadata !== undefined && { metadata }) },
    isTakenFromDumpable: hasLimitedRights(),
  };
}
