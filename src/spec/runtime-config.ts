/**
 * The runtime's input: `config.json` of a bundle, for Linux.
 * Field names are the specification's; a field that another platform reads is not listed and is tolerated.
 * Source: runtime-spec 1.3, config.md; specs-go/config.go for what is optional.
 */
import type { Linux } from "./runtime-linux.ts";

/**
 * An integer that may need 64 bits: a `bigint` only where a `number` would lose digits (RLIM_INFINITY,
 * masks in seccomp conditions). `BigInt(value)` and template strings take either.
 */
export type Integer64 = number | bigint;

/** `config.json`. Source: config.md. */
export interface RuntimeConfig {
  readonly ociVersion: string;
  readonly root?: Root;
  readonly mounts?: readonly Mount[];
  /** May be absent for `create`, not for `start`. */
  readonly process?: Process;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: Linux;
}

/** Source: config.md, root. */
export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  readonly readonly?: boolean;
}

/** Source: config.md, mounts. */
export interface Mount {
  /** As the container sees it. */
  readonly destination: string;
  readonly type?: string;
  /** A device, a file system's own word, or (bind) a path: absolute, or relative to the bundle. */
  readonly source?: string;
  readonly options?: readonly string[];
  readonly uidMappings?: readonly IDMapping[];
  readonly gidMappings?: readonly IDMapping[];
}

/** Source: config-linux.md, user namespace mappings. */
export interface IDMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** Source: config.md, process. */
export interface Process {
  readonly terminal?: boolean;
  readonly consoleSize?: ConsoleSize;
  readonly user: User;
  readonly args?: readonly string[];
  /** `NAME=value`. */
  readonly env?: readonly string[];
  readonly cwd: string;
  readonly capabilities?: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
  readonly scheduler?: Scheduler;
  readonly selinuxLabel?: string;
  readonly ioPriority?: IOPriority;
  readonly execCPUAffinity?: CPUAffinity;
}

/** In characters. Source: config.md, process.consoleSize. */
export interface ConsoleSize {
  readonly height: number;
  readonly width: number;
}

/** Source: config.md, POSIX-platform user. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** Names as in capabilities(7): `CAP_CHOWN`. Source: config.md, process.capabilities. */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

/** Source: config.md, process.rlimits. */
export interface Rlimit {
  /** `RLIMIT_NOFILE` and so on. */
  readonly type: string;
  readonly soft: Integer64;
  readonly hard: Integer64;
}

/** Arguments of sched_setattr(2). Source: config.md, process.scheduler. */
export interface Scheduler {
  readonly policy: string;
  readonly nice?: number;
  readonly priority?: number;
  readonly flags?: readonly string[];
  /** Nanoseconds, as the two that follow. */
  readonly runtime?: Integer64;
  readonly deadline?: Integer64;
  readonly period?: Integer64;
}

/** Source: config.md, process.ioPriority. */
export interface IOPriority {
  readonly class: string;
  readonly priority: number;
}

/** Lists like `0-3,7`. Source: config.md, process.execCPUAffinity. */
export interface CPUAffinity {
  readonly initial?: string;
  readonly final?: string;
}

/** Source: config.md, POSIX-platform hooks. */
export interface Hooks {
  /** Deprecated, still run, before `createRuntime`. */
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

/** The moments at which hooks run, in order. */
export const hookNames = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const satisfies readonly (keyof Hooks)[];
export type HookName = (typeof hookNames)[number];

/** Source: config.md, POSIX-platform hooks. */
export interface Hook {
  /** Absolute. */
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds, more than zero. */
  readonly timeout?: number;
}
