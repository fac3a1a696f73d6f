/**
 * `config.json` text → RuntimeConfig. Shape and ranges only; what fields mean together is the runtime's to judge.
 * Unknown fields are tolerated. Source: runtime-spec 1.3, config.md and config-linux.md; ranges from specs-go/config.go.
 */
import {
  array,
  boolean,
  type Check,
  integer,
  integer64,
  mustBe,
  object,
  oneOf,
  optional,
  record,
  string,
} from "./check.ts";
import { parseJSON } from "./json.ts";
import type {
  Capabilities,
  ConsoleSize,
  CPUAffinity,
  Hook,
  Hooks,
  IDMapping,
  IOPriority,
  Mount,
  Process,
  Rlimit,
  Root,
  RuntimeConfig,
  Scheduler,
  User,
} from "./runtime-config.ts";
import {
  type Device,
  type IntelRdt,
  type Linux,
  type MemoryPolicy,
  type Namespace,
  type NetDevice,
  namespaceTypes,
  type Personality,
  type TimeOffset,
} from "./runtime-linux.ts";
import type {
  BlockIOResources,
  CPUResources,
  DeviceRule,
  HugepageLimit,
  InterfacePriority,
  MemoryResources,
  NetworkResources,
  PidsResources,
  RdmaLimit,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from "./runtime-resources.ts";
import {
  type Seccomp,
  type SeccompArgument,
  type SeccompRule,
  seccompActions,
  seccompOperators,
} from "./runtime-seccomp.ts";

const uint16 = integer(0, 0xffff);
const uint32 = integer(0, 0xffff_ffff);
const int32 = integer(-0x8000_0000, 0x7fff_ffff);
const uint64 = integer64(0n, 0xffff_ffff_ffff_ffffn);
const int64 = integer64(-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn);
const strings = array(string);

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;
/** Source: config.md, specification version. */
const version: Check<string> = (value) => {
  const issues = string(value);
  if (issues !== undefined || SEMVER.test(value as string)) return issues;
  return [{ path: [], found: JSON.stringify(value), wants: "a semantic version, as 1.3.0" }];
};

const idMappings = array(object<IDMapping>({ containerID: uint32, hostID: uint32, size: uint32 }));

const user = object<User>(() => ({
  uid: uint32,
  gid: uint32,
  umask: optional(uint32),
  additionalGids: optional(array(uint32)),
}));

const process = object<Process>(() => ({
  terminal: optional(boolean),
  consoleSize: optional(object<ConsoleSize>({ height: uint32, width: uint32 })),
  user,
  args: optional(strings),
  env: optional(strings),
  cwd: string,
  capabilities: optional(
    object<Capabilities>({
      bounding: optional(strings),
      effective: optional(strings),
      inheritable: optional(strings),
      permitted: optional(strings),
      ambient: optional(strings),
    }),
  ),
  rlimits: optional(array(object<Rlimit>({ type: string, soft: uint64, hard: uint64 }))),
  noNewPrivileges: optional(boolean),
  apparmorProfile: optional(string),
  oomScoreAdj: optional(integer(-1000, 1000)),
  scheduler: optional(
    object<Scheduler>({
      policy: string,
      nice: optional(int32),
      priority: optional(int32),
      flags: optional(strings),
      runtime: optional(uint64),
      deadline: optional(uint64),
      period: optional(uint64),
    }),
  ),
  selinuxLabel: optional(string),
  ioPriority: optional(object<IOPriority>({ class: string, priority: integer() })),
  execCPUAffinity: optional(object<CPUAffinity>({ initial: optional(string), final: optional(string) })),
}));

const mounts = array(
  object<Mount>(() => ({
    destination: string,
    type: optional(string),
    source: optional(string),
    options: optional(strings),
    uidMappings: optional(idMappings),
    gidMappings: optional(idMappings),
  })),
);

const hookList = optional(
  array(
    object<Hook>({
      path: string,
      args: optional(strings),
      env: optional(strings),
      timeout: optional(integer()),
    }),
  ),
);
const hooks = object<Hooks>(() => ({
  prestart: hookList,
  createRuntime: hookList,
  createContainer: hookList,
  startContainer: hookList,
  poststart: hookList,
  poststop: hookList,
}));

const throttle = optional(
  array(object<ThrottleDevice>({ major: integer(), minor: integer(), rate: uint64 })),
);
const resources = object<Resources>(() => ({
  devices: optional(
    array(
      object<DeviceRule>({
        allow: boolean,
        type: optional(oneOf(["a", "c", "b"])),
        major: optional(integer()),
        minor: optional(integer()),
        access: optional(string),
      }),
    ),
  ),
  memory: optional(
    object<MemoryResources>({
      limit: optional(int64),
      reservation: optional(int64),
      swap: optional(int64),
      kernel: optional(int64),
      kernelTCP: optional(int64),
      swappiness: optional(uint64),
      disableOOMKiller: optional(boolean),
      useHierarchy: optional(boolean),
      checkBeforeUpdate: optional(boolean),
    }),
  ),
  cpu: optional(
    object<CPUResources>({
      shares: optional(uint64),
      quota: optional(int64),
      burst: optional(uint64),
      period: optional(uint64),
      realtimeRuntime: optional(int64),
      realtimePeriod: optional(uint64),
      cpus: optional(string),
      mems: optional(string),
      idle: optional(int64),
    }),
  ),
  pids: optional(object<PidsResources>({ limit: optional(int64) })),
  blockIO: optional(
    object<BlockIOResources>({
      weight: optional(uint16),
      leafWeight: optional(uint16),
      weightDevice: optional(
        array(
          object<WeightDevice>({
            major: integer(),
            minor: integer(),
            weight: optional(uint16),
            leafWeight: optional(uint16),
          }),
        ),
      ),
      throttleReadBpsDevice: throttle,
      throttleWriteBpsDevice: throttle,
      throttleReadIOPSDevice: throttle,
      throttleWriteIOPSDevice: throttle,
    }),
  ),
  hugepageLimits: optional(array(object<HugepageLimit>({ pageSize: string, limit: uint64 }))),
  network: optional(
    object<NetworkResources>({
      classID: optional(uint32),
      priorities: optional(array(object<InterfacePriority>({ name: string, priority: uint32 }))),
    }),
  ),
  rdma: optional(record(object<RdmaLimit>({ hcaHandles: optional(uint32), hcaObjects: optional(uint32) }))),
  unified: optional(record(string)),
}));

const action = oneOf(seccompActions);
const seccomp = object<Seccomp>(() => ({
  defaultAction: action,
  defaultErrnoRet: optional(uint32),
  architectures: optional(strings),
  flags: optional(strings),
  listenerPath: optional(string),
  listenerMetadata: optional(string),
  syscalls: optional(
    array(
      object<SeccompRule>({
        names: strings,
        action,
        errnoRet: optional(uint32),
        args: optional(
          array(
            object<SeccompArgument>({
              index: integer(0, 5),
              value: uint64,
              valueTwo: optional(uint64),
              op: oneOf(seccompOperators),
            }),
          ),
        ),
      }),
    ),
  ),
}));

const linux = object<Linux>(() => ({
  uidMappings: optional(idMappings),
  gidMappings: optional(idMappings),
  sysctl: optional(record(string)),
  resources: optional(resources),
  cgroupsPath: optional(string),
  namespaces: optional(array(object<Namespace>({ type: oneOf(namespaceTypes), path: optional(string) }))),
  devices: optional(
    array(
      object<Device>({
        path: string,
        type: oneOf(["c", "u", "b", "p"]),
        major: optional(integer()),
        minor: optional(integer()),
        fileMode: optional(uint32),
        uid: optional(uint32),
        gid: optional(uint32),
      }),
    ),
  ),
  netDevices: optional(record(object<NetDevice>({ name: optional(string) }))),
  seccomp: optional(seccomp),
  rootfsPropagation: optional(string),
  maskedPaths: optional(strings),
  readonlyPaths: optional(strings),
  mountLabel: optional(string),
  intelRdt: optional(
    object<IntelRdt>({
      closID: optional(string),
      schemata: optional(strings),
      l3CacheSchema: optional(string),
      memBwSchema: optional(string),
      enableMonitoring: optional(boolean),
    }),
  ),
  memoryPolicy: optional(
    object<MemoryPolicy>({ mode: string, nodes: optional(string), flags: optional(strings) }),
  ),
  personality: optional(
    object<Personality>({ domain: oneOf(["LINUX", "LINUX32"]), flags: optional(strings) }),
  ),
  timeOffsets: optional(record(object<TimeOffset>({ secs: optional(int64), nanosecs: optional(uint32) }))),
}));

const runtimeConfig = object<RuntimeConfig>(() => ({
  ociVersion: version,
  root: optional(object<Root>({ path: string, readonly: optional(boolean) })),
  mounts: optional(mounts),
  process: optional(process),
  hostname: optional(string),
  domainname: optional(string),
  hooks: optional(hooks),
  annotations: optional(record(string)),
  linux: optional(linux),
}));

/** Parses the text of a `config.json`. @throws {InvalidJSON} {InvalidDocument} */
export function parseRuntimeConfig(text: string): RuntimeConfig {
  const document = parseJSON(text, "config.json");
  if (isObject(document)) {
    fillZeros(document["process"]);
    const { linux: part } = document;
    // What a mode that is not there means is told as for one that nobody knows.
    if (isObject(part) && isObject(part["memoryPolicy"]))
      part["memoryPolicy"] = { mode: "", ...part["memoryPolicy"] };
  }
  return mustBe(runtimeConfig, document, "config.json");
}

/** Parses the text of a `process` object alone, as `exec --process` reads it. @throws {InvalidJSON} {InvalidDocument} */
export function parseProcess(text: string, name: string): Process {
  const document = parseJSON(text, name);
  fillZeros(document);
  return mustBe(process, document, name);
}

/** A process without a user is root's, and a class without a priority has the first: people leave out what is 0, and runc and crun read it so. */
function fillZeros(document: unknown): void {
  if (!isObject(document)) return;
  const { user, ioPriority } = document;
  if (user === undefined || user === null) document["user"] = { uid: 0, gid: 0 };
  else if (isObject(user)) document["user"] = { uid: 0, gid: 0, ...user };
  if (isObject(ioPriority)) document["ioPriority"] = { priority: 0, ...ioPriority };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses the text of a `linux.resources` object alone, as `update --resources` reads it. @throws {InvalidJSON} {InvalidDocument} */
export function parseResources(text: string, name: string): Resources {
  return mustBe(resources, parseJSON(text, name), name);
}
