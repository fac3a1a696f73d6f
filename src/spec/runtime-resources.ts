/**
 * Limits that the kernel keeps per cgroup, and what `update` reads.
 * Source: runtime-spec 1.3, config-linux.md, control groups.
 */
import type { Integer64 } from "./runtime-config.ts";

/** `linux.resources`. */
export interface Resources {
  readonly devices?: readonly DeviceRule[];
  readonly memory?: MemoryResources;
  readonly cpu?: CPUResources;
  readonly pids?: PidsResources;
  readonly blockIO?: BlockIOResources;
  readonly hugepageLimits?: readonly HugepageLimit[];
  readonly network?: NetworkResources;
  /** Keyed by device. */
  readonly rdma?: Readonly<Record<string, RdmaLimit>>;
  /** cgroup v2 files and what to write to them. */
  readonly unified?: Readonly<Record<string, string>>;
}

/** Source: config-linux.md, allowed device list. */
export interface DeviceRule {
  readonly allow: boolean;
  /** All, character, block; absent: all. */
  readonly type?: "a" | "c" | "b";
  /** Absent: all, as for `minor`. */
  readonly major?: number;
  readonly minor?: number;
  /** Out of `rwm`; absent: all. */
  readonly access?: string;
}

/** Bytes; -1: no limit. Source: config-linux.md, memory. */
export interface MemoryResources {
  readonly limit?: Integer64;
  readonly reservation?: Integer64;
  /** Memory and swap together. */
  readonly swap?: Integer64;
  /** Deprecated; the kernel ignores it. */
  readonly kernel?: Integer64;
  readonly kernelTCP?: Integer64;
  readonly swappiness?: Integer64;
  readonly disableOOMKiller?: boolean;
  readonly useHierarchy?: boolean;
  readonly checkBeforeUpdate?: boolean;
}

/** Times in microseconds. Source: config-linux.md, CPU. */
export interface CPUResources {
  readonly shares?: Integer64;
  readonly quota?: Integer64;
  readonly burst?: Integer64;
  readonly period?: Integer64;
  readonly realtimeRuntime?: Integer64;
  readonly realtimePeriod?: Integer64;
  readonly cpus?: string;
  readonly mems?: string;
  readonly idle?: Integer64;
}

/** Source: config-linux.md, PIDs. */
export interface PidsResources {
  readonly limit?: Integer64;
}

/** Source: config-linux.md, block IO. */
export interface BlockIOResources {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly WeightDevice[];
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[];
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[];
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[];
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[];
}

/** Source: config-linux.md, block IO. */
export interface WeightDevice {
  readonly major: number;
  readonly minor: number;
  readonly weight?: number;
  readonly leafWeight?: number;
}

/** Source: config-linux.md, block IO. */
export interface ThrottleDevice {
  readonly major: number;
  readonly minor: number;
  /** Bytes or operations each second. */
  readonly rate: Integer64;
}

/** Source: config-linux.md, huge page limits. */
export interface HugepageLimit {
  /** `2MB`, `1GB`. */
  readonly pageSize: string;
  readonly limit: Integer64;
}

/** Source: config-linux.md, network. */
export interface NetworkResources {
  readonly classID?: number;
  readonly priorities?: readonly InterfacePriority[];
}

/** Source: config-linux.md, network. */
export interface InterfacePriority {
  readonly name: string;
  readonly priority: number;
}

/** Source: config-linux.md, RDMA. */
export interface RdmaLimit {
  readonly hcaHandles?: number;
  readonly hcaObjects?: number;
}
