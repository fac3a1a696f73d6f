/**
 * A seccomp profile as `config.json` carries it, and what a listener is told.
 * Source: runtime-spec 1.3, config-linux.md, seccomp; the container process state.
 */
import type { Integer64 } from "./runtime-config.ts";
import type { RuntimeState } from "./runtime-state.ts";

/** What happens to a system call. Source: config-linux.md, seccomp. */
export const seccompActions = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;
export type SeccompAction = (typeof seccompActions)[number];

/** How an argument is compared. Source: config-linux.md, seccomp. */
export const seccompOperators = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;
export type SeccompOperator = (typeof seccompOperators)[number];

/** `linux.seccomp`. */
export interface Seccomp {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number;
  /** `SCMP_ARCH_X86_64` and so on. */
  readonly architectures?: readonly string[];
  /** Absent: SECCOMP_FILTER_FLAG_SPEC_ALLOW; empty: none. */
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SeccompRule[];
}

/** One entry of `linux.seccomp.syscalls`. */
export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

/** A condition on one argument; all conditions of a rule must hold. */
export interface SeccompArgument {
  /** 0 to 5. */
  readonly index: number;
  readonly value: Integer64;
  /** For SCMP_CMP_MASKED_EQ: what `argument & value` must equal. */
  readonly valueTwo?: Integer64;
  readonly op: SeccompOperator;
}

/** What the runtime sends with the descriptor to `listenerPath`. Source: config-linux.md, the container process state. */
export interface ContainerProcessState {
  readonly ociVersion: string;
  /** Names of the descriptors sent, in order: `["seccompFd"]`. */
  readonly fds: readonly string[];
  readonly pid: number;
  readonly metadata?: string;
  readonly state: RuntimeState;
}
