/** What compile knows besides config.json: everything that has to be looked up comes in here as a value. */
import type { PlanBuilder } from "../plan/builder.ts";
import { Register } from "../plan/plan.ts";

/**
 * What a bind source is; a missing one has no entry. One that lies below the root may be what an earlier mount puts there, and
 * is looked at when its turn comes.
 */
export type SourceKind = "directory" | "file" | "inside";

/** One cgroup hierarchy as a container sees it. */
export interface CgroupMount {
  /** Controllers for v1 (`cpu`, `cpuacct`), or `name=systemd`; empty for v2. */
  readonly controllers: readonly string[];
  /** Its directory's name below /sys/fs/cgroup on this host, for instance `cpu,cpuacct`; "" for a pure v2 host. */
  readonly name: string;
  /** The container's own directory in it. */
  readonly path: string;
}

/** A filter, ready to be loaded. */
export interface SeccompPlan {
  /** `struct sock_filter[]`. */
  readonly program: Uint8Array;
  /** `SECCOMP_FILTER_FLAG_*`. */
  readonly flags: number;
  /** Who answers for the calls that the filter does not decide. */
  readonly listener?: { readonly path: string; readonly metadata?: string };
  /** The parent may take the listener's descriptor only out of a process that can be dumped. */
  readonly isTakenFromDumpable?: boolean;
}

/** The world at the moment of compiling. */
export interface Circumstances {
  readonly containerID: string;
  /** Absolute, links resolved. */
  readonly bundle: string;
  /** Absolute, links resolved. */
  readonly rootfs: string;
  /** The mount point of the host's that `rootfs` lies on; looked up where the document speaks of propagation. */
  readonly rootMount?: string;
  /** Where the host has mounted a whole procfs or sysfs, the last first; looked up for no-pivot. */
  readonly hostProcs: readonly string[];
  /** Mount points that these lie on. */
  readonly hostProcParents: readonly string[];
  /** The runtime's directory of this container: its two fifos are there. */
  readonly stateDirectory: string;
  /** By the absolute path of the bind source. */
  readonly sources: ReadonlyMap<string, SourceKind>;
  readonly cgroup: {
    readonly version: 1 | 2;
    /** v1: files that init writes itself into. v2: empty, init is born in its cgroup. */
    readonly joins: readonly string[];
    readonly mounts: readonly CgroupMount[];
    /** Whether the container has cgroups of its own, or stays in the caller's, which it must not change. */
    readonly isOwn: boolean;
  };
  /** Whether the container gets a cgroup namespace of its own. */
  readonly cgroupNamespace: boolean;
  readonly seccomp?: SeccompPlan;
  /** Highest capability number of this kernel. */
  readonly lastCapability: number;
  /** Whether /proc/kcore exists, to which /dev/core leads. */
  readonly hasKcore: boolean;
  /** The caller is a plain user: it can do nothing on the outside that root can, but owns the user namespace. */
  readonly isRootless: boolean;
  /** The caller is in a user namespace itself, root there or not. */
  readonly isInUserNamespace: boolean;
  readonly noPivot: boolean;
  readonly noNewKeyring: boolean;
  readonly preserveFds: number;
  /** Which of the standard streams are the host's /dev/null. */
  readonly nullStreams: readonly number[];
  /** init dies when its parent does. */
  readonly dieWithParent: boolean;
}

/** Registers with one meaning through the whole plan. */
export const ROOT: Register = new Register(1);
export const DEV: Register = new Register(2);
export const HOST_NULL: Register = new Register(3);
export const MASK: Register = new Register(4);
export const MASTER: Register = new Register(6);
export const SLAVE: Register = new Register(7);
export const PROGRAM: Register = new Register(8);
export const HOME: Register = new Register(9);
/** Room for it where it is looked up: as much as an answer holds; no path is longer. */
export const HOME_BYTES = 4096;
export const CHDIR_RESULT: Register = new Register(10);
/** The mode that a tmpfs takes over. */
export const MODE: Register = new Register(11);
/** The directory that a tmpfs copies from, and how much of it has been. */
export const COPIED: Register = new Register(12);
export const PROGRESS: Register = new Register(13);
/** Registers that hold a value for a few records. */
export const T1: Register = new Register(20);
export const T2: Register = new Register(21);
export const T3: Register = new Register(22);
export const T4: Register = new Register(23);
export const T5: Register = new Register(24);
export const T6: Register = new Register(25);

/** Closes what a register holds. */
export function close(plan: PlanBuilder, register: Register): void {
  plan.call("close", [register]);
}
