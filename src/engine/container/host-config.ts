/** How a container was asked for, in the shape of docker's HostConfig. Source: Docker Engine API, ContainerInspect. */
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { NIL_LIST, NIL_MAP, withQuiet } from "../../base/index.ts";
import type { Resources, RuntimeConfig, ThrottleDevice } from "../../spec/index.ts";
import { PING_SYSCTLS, PORT_SYSCTLS } from "../bundle/defaults.ts";
import type { AskedWords } from "../options/asked.ts";
import { deviceParts } from "../options/device.ts";
import { CPU_PERIOD_US } from "../options/limits.ts";
import type { PublishedPort } from "../options/publish.ts";
import { type ContainerRecord, encodeMaps } from "../store/containers.ts";
import { SHAREABLE, SHARED_MEMORY_BYTES } from "./shared-memory.ts";

/** Of what teu does without, docker's zero values. */
const NOT_HERE = {
  VolumeDriver: "",
  Isolation: "",
  KernelMemory: 0,
  DeviceRequests: NIL_LIST,
  ConsoleSize: [0, 0],
  Cgroup: "",
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
};

/** Docker's keys. @param links  See `encodeLinks`. */
export function hostConfigOf(
  { settings }: ContainerRecord,
  config: RuntimeConfig | undefined,
  links: readonly string[],
): Record<string, unknown> & { readonly NetworkMode: string } {
  const { restart, networks, joins, ports = [], hosts = [], resolvers = [] } = settings;
  const { resources, namespaces, sysctl, maskedPaths = [], readonlyPaths = [] } = config?.linux ?? {};
  const has = (kind: string) => namespaces?.some(({ type }) => type === kind) ?? true;
  const own = networks?.[0]?.name ?? (has("network") ? "none" : "host");
  const shown = {
    ...NOT_HERE,
    Links: links.length > 0 ? links : NIL_LIST,
    Privileged: settings.isPrivileged ?? false,
    IpcMode: joins?.ipc === undefined ? (settings.ipc ?? "private") : `container:${joins.ipc}`,
    PidMode: joins?.pid === undefined ? (has("pid") ? "" : "host") : `container:${joins.pid}`,
    ...usersOf(settings),
    UTSMode: has("uts") ? "" : "host",
    CgroupnsMode: has("cgroup") ? "private" : "host",
    CgroupParent: settings.cgroupParent ?? "",
    ...(settings.storage && { StorageOpt: settings.storage }),
    ...askedOf(settings.asked ?? {}),
    ...limitsOf(resources ?? {}),
    ...sharedMemoryOf(config, settings),
    Ulimits: (config?.process?.rlimits ?? []).map(({ type, soft, hard }) => ({
      Name: type.replace("RLIMIT_", "").toLowerCase(),
      Soft: limitOf(soft),
      Hard: limitOf(hard),
    })),
    Sysctls: askedSysctls(sysctl),
    Annotations: config?.annotations ?? {},
    Dns: resolvers,
    DnsSearch: settings.searchDomains ?? [],
    DnsOptions: settings.resolverOptions ?? [],
    ExtraHosts: hosts.map((host) => `${host.name}:${host.address}`),
    MaskedPaths: maskedPaths,
    ReadonlyPaths: readonlyPaths,
    NetworkMode: joins?.network === undefined ? own : `container:${joins.network}`,
    PortBindings: bindingsOf(ports),
    LogConfig: { Type: settings.log?.driver ?? "local", Config: settings.log?.options ?? {} },
    RestartPolicy: { Name: restart?.name ?? "no", MaximumRetryCount: restart?.maxAttempts ?? 0 },
    AutoRemove: settings.autoRemove,
    Init: settings.hasInit ?? false,
    ReadonlyRootfs: config?.root?.readonly ?? false,
    OomScoreAdj: config?.process?.oomScoreAdj ?? 0,
    Runtime: settings.runtime ?? "teu",
  };
  return withQuiet(shown, { Mounts: NIL_LIST, Tmpfs: NIL_MAP });
}

/** Podman's words; docker's, where they are the host's. */
function usersOf({ users, joins, asked }: ContainerRecord["settings"]): object {
  if (users === undefined) return { UsernsMode: asked?.hostUsers ? "host" : "" };
  return {
    UsernsMode: joins?.user === undefined ? users.mode : `container:${joins.user}`,
    IDMappings: { UidMap: encodeMaps(users.uids), GidMap: encodeMaps(users.gids) },
  };
}

/** Without those that nobody need ask for, which docker's has not either. */
function askedSysctls(sysctl: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const own = { ...PORT_SYSCTLS, ...PING_SYSCTLS };
  return Object.fromEntries(Object.entries(sysctl).filter(([name, value]) => own[name] !== value));
}

function bindingsOf(ports: readonly PublishedPort[]): object {
  const bindings = new Map<string, object[]>();
  for (const { protocol, hostAddress = "", hostPort, lastHostPort, containerPort } of ports) {
    const key = `${containerPort}/${protocol}`;
    const range = lastHostPort === undefined ? "" : `-${lastHostPort}`;
    const binding = { HostIp: hostAddress, HostPort: hostPort === undefined ? "" : `${hostPort}${range}` };
    bindings.set(key, [...(bindings.get(key) ?? []), binding]);
  }
  return Object.fromEntries(bindings);
}

function askedOf(asked: AskedWords): object {
  return {
    CapAdd: asked.addedCapabilities ?? NIL_LIST,
    CapDrop: asked.droppedCapabilities ?? NIL_LIST,
    SecurityOpt: asked.securityOptions ?? NIL_LIST,
    GroupAdd: asked.groups ?? NIL_LIST,
    VolumesFrom: asked.volumesFrom ?? NIL_LIST,
    Binds: asked.binds ?? NIL_LIST,
    ...(asked.mounts && { Mounts: asked.mounts }),
    ...(asked.tmpfs && { Tmpfs: asked.tmpfs }),
    ContainerIDFile: asked.idFile ?? "",
    PublishAllPorts: asked.publishesAll ?? false,
    DeviceCgroupRules: asked.deviceRules ?? NIL_LIST,
    Devices: (asked.devices ?? []).map((text) => {
      const { source, destination, access } = deviceParts(text);
      return { PathOnHost: source, PathInContainer: destination, CgroupPermissions: access };
    }),
    ...(asked.cdiDevices && { DeviceRequests: [{ Driver: "cdi", Count: 0, DeviceIDs: asked.cdiDevices }] }),
  };
}

function limitsOf({ memory, cpu, pids, blockIO }: Resources): object {
  const { quota = 0, period = 0 } = cpu ?? {};
  // `--cpus` has this period: docker tells of it in billionths of a processor, and of no quota.
  const isShare = Number(period) === CPU_PERIOD_US && Number(quota) > 0;
  const rates = (devices: readonly ThrottleDevice[] | undefined) =>
    (devices ?? []).map(({ major, minor, rate }) => ({
      Path: blockDevice(major, minor),
      Rate: Number(rate),
    }));
  return {
    NanoCpus: isShare ? (Number(quota) * 1e9) / CPU_PERIOD_US : 0,
    CpuShares: Number(cpu?.shares ?? 0),
    CpuPeriod: isShare ? 0 : Number(period),
    CpuQuota: isShare ? 0 : Number(quota),
    CpuRealtimePeriod: Number(cpu?.realtimePeriod ?? 0),
    CpuRealtimeRuntime: Number(cpu?.realtimeRuntime ?? 0),
    CpusetCpus: cpu?.cpus ?? "",
    CpusetMems: cpu?.mems ?? "",
    Memory: Number(memory?.limit ?? 0),
    MemoryReservation: Number(memory?.reservation ?? 0),
    MemorySwap: Number(memory?.swap ?? 0),
    MemorySwappiness: memory?.swappiness === undefined ? null : Number(memory.swappiness),
    OomKillDisable: memory?.disableOOMKiller ?? false,
    PidsLimit: pids?.limit === undefined ? null : Number(pids.limit),
    BlkioWeight: blockIO?.weight ?? 0,
    BlkioWeightDevice: (blockIO?.weightDevice ?? []).map(({ major, minor, weight }) => ({
      Path: blockDevice(major, minor),
      Weight: weight ?? 0,
    })),
    BlkioDeviceReadBps: rates(blockIO?.throttleReadBpsDevice),
    BlkioDeviceWriteBps: rates(blockIO?.throttleWriteBpsDevice),
    BlkioDeviceReadIOps: rates(blockIO?.throttleReadIOPSDevice),
    BlkioDeviceWriteIOps: rates(blockIO?.throttleWriteIOPSDevice),
  };
}

function sharedMemoryOf(
  config: RuntimeConfig | undefined,
  { ipc, sharedMemoryBytes: asked }: ContainerRecord["settings"],
): object {
  const sharedMemoryBytes = ipc === SHAREABLE ? (asked ?? SHARED_MEMORY_BYTES) : 0;
  const shared = (config?.mounts ?? []).find(({ type, source }) => type === "tmpfs" && source === "shm");
  const size = shared?.options?.find((word) => word.startsWith("size="));
  return {
    ShmSize: Number(size?.slice("size=".length) ?? sharedMemoryBytes),
  };
}

/** No limit is -1 there. */
function limitOf(value: number | bigint): number {
  return BigInt(value) === 2n ** 64n - 1n ? -1 : Number(value);
}

function blockDevice(major: number, minor: number): string {
  try {
    return `/dev/${basename(readlinkSync(`/sys/dev/block/${major}:${minor}`))}`;
  } catch {
    return `/dev/block/${major}:${minor}`; // gone meanwhile
  }
}
