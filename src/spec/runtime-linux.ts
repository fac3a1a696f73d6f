/**
 * The Linux part of `config.json`.
 * Source: runtime-spec 1.3, config-linux.md; specs-go/config.go for what is optional.
 */
import type { IDMapping, Integer64 } from "./runtime-config.ts";
import type { Resources } from "./runtime-resources.ts";
import type { Seccomp } from "./runtime-seccomp.ts";

/** `linux`. */
export interface Linux {
  readonly uidMappings?: readonly IDMapping[];
  readonly gidMappings?: readonly IDMapping[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly resources?: Resources;
  /** Absolute: from the mount point of the hierarchies. Relative: below a place that the runtime chooses. */
  readonly cgroupsPath?: string;
  readonly namespaces?: readonly Namespace[];
  readonly devices?: readonly Device[];
  /** Keyed by the name on the host. */
  readonly netDevices?: Readonly<Record<string, NetDevice>>;
  readonly seccomp?: Seccomp;
  readonly rootfsPropagation?: string;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly mountLabel?: string;
  readonly intelRdt?: IntelRdt;
  readonly memoryPolicy?: MemoryPolicy;
  readonly personality?: Personality;
  /** Keyed by clock: `monotonic`, `boottime`. */
  readonly timeOffsets?: Readonly<Record<string, TimeOffset>>;
}

/** The kinds of namespace. Source: config-linux.md, namespaces. */
export const namespaceTypes = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"] as const;
export type NamespaceType = (typeof namespaceTypes)[number];

/** A new namespace, or one to join. Source: config-linux.md, namespaces. */
export interface Namespace {
  readonly type: NamespaceType;
  /** Absolute, in the runtime's mount namespace; absent: a new one. */
  readonly path?: string;
}

/** Source: config-linux.md, devices. */
export interface Device {
  readonly path: string;
  /** Character (buffered or not), block, FIFO. */
  readonly type: "c" | "u" | "b" | "p";
  /** Required unless `type` is `p`, as is `minor`. */
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Source: config-linux.md, network devices. */
export interface NetDevice {
  /** In the container; absent: as on the host. */
  readonly name?: string;
}

/** Source: config-linux.md, IntelRdt. */
export interface IntelRdt {
  readonly closID?: string;
  readonly schemata?: readonly string[];
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly enableMonitoring?: boolean;
}

/** Arguments of set_mempolicy(2). Source: config-linux.md, memory policy. */
export interface MemoryPolicy {
  readonly mode: string;
  readonly nodes?: string;
  readonly flags?: readonly string[];
}

/** Source: config-linux.md, personality. */
export interface Personality {
  readonly domain: "LINUX" | "LINUX32";
  readonly flags?: readonly string[];
}

/** Source: config-linux.md, offset for time namespace. */
export interface TimeOffset {
  readonly secs?: Integer64;
  readonly nanosecs?: number;
}
