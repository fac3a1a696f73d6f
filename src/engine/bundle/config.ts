/**
 * The bundle's `config.json`: what the image says, what the options say, and docker's defaults for the rest.
 * Pure: what it must know of the machine comes in as values.
 * Source: image-spec conversion.md; runtime-spec config.md, config-linux.md; moby daemon/oci_linux.go.
 */
import { type ContainerPath, type HostPath, TeuError } from "../../base/index.ts";
import type {
  Hooks,
  Mount,
  Namespace,
  NamespaceType,
  Resources,
  Rlimit,
  RuntimeConfig,
  Seccomp,
  User,
} from "../../spec/index.ts";
import type { Tmpfs } from "../options/assignment.ts";
import type { Devices } from "../options/device.ts";
import { mergeEnvironment } from "../options/environment.ts";
import { InvalidOption } from "../options/error.ts";
import { mergeResources } from "../options/resources.ts";
import type { BindMount } from "../options/volume.ts";
import {
  capabilitiesOf,
  DEFAULT_PATH,
  DEVICE_RULES,
  MASKED_PATHS,
  MOUNTS,
  PING_SYSCTLS,
  PORT_SYSCTLS,
  READONLY_PATHS,
} from "./defaults.ts";

/** Which network a container sees: one of its own with nothing but lo, the host's, another container's (`container:…`), or, by its name, one of ours. */
export type Network = "none" | "host" | (string & {});

/** How a person wants the container, beyond what the image says; every field is as parsed. */
export interface ContainerOptions {
  /** Replaces the image's Cmd, where there are any. */
  readonly command: readonly string[];
  /** Replaces the image's Entrypoint and drops its Cmd; an empty text removes it. */
  readonly entrypoint?: string;
  /** `NAME=value`, or `NAME` to remove it. */
  readonly environment: readonly string[];
  readonly workingDirectory?: string;
  /** Directories and files of the host. */
  readonly volumes: readonly BindMount[];
  readonly hostname?: string;
  readonly domainname?: string;
  /** Limits, without devices. */
  readonly resources?: Pick<Resources, "memory" | "cpu" | "pids" | "blockIO">;
  /** Beside those that every container has. */
  readonly devices?: Devices;
  /** What devices of vendors want beside nodes. */
  readonly hooks?: Hooks;
  readonly deviceMounts?: readonly Mount[];
  /** Everything that root of the host may do to devices, kernel parameters and cgroups. */
  readonly isPrivileged?: boolean;
  readonly apparmorProfile?: string;
  readonly selinux?: { readonly process: string; readonly mount: string };
  /** Whether it sees and writes what /proc and /sys hide from containers. */
  readonly isUnmasked?: boolean;
  readonly hasWritableCgroups?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether there is no /dev/shm. */
  readonly hasNoSharedMemory?: boolean;
  readonly isReadonly: boolean;
  readonly network: Network;
  readonly terminal: boolean;
  /** Of the root user; docker's defaults if absent. */
  readonly capabilities?: readonly string[];
  readonly noNewPrivileges?: boolean;
  readonly tmpfs?: readonly Tmpfs[];
  readonly rlimits?: readonly Rlimit[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly shmBytes?: number;
  readonly oomScoreAdj?: number;
  /** Namespaces that are the host's. */
  readonly shared?: readonly ("pid" | "ipc" | "uts" | "cgroup")[];
}

/**
 * What the image says of the process that it is for. Its labels are left out, as docker leaves them: runtimes take orders
 * from annotations, and an image must not give any (CVE-2026-53488). Source: image-spec config.md.
 */
export interface ImageProcess {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly workingDirectory: string;
  /** What asks it to end; absent: SIGTERM. */
  readonly stopSignal?: string;
}

/** What the machine, the root file system and the bundle add. */
export interface Surroundings {
  /** Where the options name none. */
  readonly hostname: string;
  /** Absent: where the runtime thinks best. */
  readonly cgroupsPath?: string;
  /** As the bundle names it. */
  readonly rootfs: string;
  /** Resolved in the image's own /etc/passwd and /etc/group. */
  readonly user: User;
  readonly seccomp: Seccomp | undefined;
  /** Whether its users are not the host's. */
  readonly hasOwnUsers?: boolean;
  /** Whether all groups that there can be are in it. */
  readonly hasAllGroups: boolean;
  /** Whether the kernel can limit memory and swap together. */
  readonly hasSwapLimit: boolean;
  /** The program that is PID 1 and starts the container's, where it sees it; absent: there is none. */
  readonly init?: ContainerPath;
  /** Shown as /dev/shm: the host's, or one that containers share. */
  readonly sharedMemory?: HostPath;
  /** Paths of namespaces that exist already. */
  readonly joined?: Readonly<Partial<Record<NamespaceType, string>>>;
  /** Files of the bundle that are shown at these places. */
  readonly files: readonly { readonly source: HostPath; readonly destination: ContainerPath }[];
}

/** Neither the image nor the caller says what to run. Docker's words. */
export class NoCommand extends TeuError<"no-command"> {
  constructor() {
    super("no-command", "invalid", {}, "No command specified");
  }
}

/** Makes the document. @throws {NoCommand} {InvalidOption} */
export function makeConfig(
  image: ImageProcess,
  options: ContainerOptions,
  surroundings: Surroundings,
): RuntimeConfig {
  const { rootfs, user, seccomp, cgroupsPath } = surroundings;
  const isUnmasked = options.isUnmasked || options.isPrivileged;
  const hostname = options.hostname ?? surroundings.hostname;
  const sysctl = { ...sysctlsOf(options, surroundings), ...options.sysctl };
  return {
    // Of what is used here nothing is younger, and older runtimes refuse what they do not know.
    ociVersion: "1.0.2",
    root: { path: rootfs, ...(options.isReadonly ? { readonly: true } : {}) },
    ...(options.shared?.includes("uts") ? {} : { hostname }),
    ...(options.domainname && { domainname: options.domainname }),
    process: {
      ...(options.terminal ? { terminal: true } : {}),
      user,
      args: [...(surroundings.init === undefined ? [] : [surroundings.init]), ...commandOf(image, options)],
      env: environmentOf(image, options, hostname),
      cwd: workingDirectoryOf(image, options),
      capabilities: capabilitiesOf(user, options.capabilities),
      noNewPrivileges: options.noNewPrivileges ?? false,
      oomScoreAdj: options.oomScoreAdj ?? 0,
      ...(options.rlimits?.length && { rlimits: options.rlimits }),
      ...(options.apparmorProfile && { apparmorProfile: options.apparmorProfile }),
      ...(options.selinux && { selinuxLabel: options.selinux.process }),
    },
    ...(options.hooks && Object.keys(options.hooks).length > 0 && { hooks: options.hooks }),
    ...(options.annotations &&
      Object.keys(options.annotations).length > 0 && { annotations: options.annotations }),
    mounts: mountsOf(options, surroundings),
    linux: {
      ...(cgroupsPath === undefined ? {} : { cgroupsPath }),
      namespaces: namespacesOf(options, surroundings.joined),
      resources: resourcesOf(options, surroundings),
      ...(Object.keys(sysctl).length > 0 && { sysctl }),
      ...(options.devices?.nodes.length && { devices: options.devices.nodes }),
      ...(options.selinux && { mountLabel: options.selinux.mount }),
      maskedPaths: isUnmasked ? [] : MASKED_PATHS,
      readonlyPaths: isUnmasked ? [] : READONLY_PATHS,
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}

/** What is run. Docker's rule: an entrypoint from the caller also drops the image's command. @throws {NoCommand} */
export function commandOf(image: ImageProcess, options: ContainerOptions): readonly string[] {
  const entrypoint = entrypointOf(image, options);
  const isReplaced = options.entrypoint !== undefined || options.command.length > 0;
  const args = [...entrypoint, ...(isReplaced ? options.command : image.command)];
  if (args.length === 0 || args[0] === "") throw new NoCommand();
  return args;
}

/** What its command line begins with. */
export function entrypointOf(
  image: ImageProcess,
  { entrypoint }: Pick<ContainerOptions, "entrypoint">,
): readonly string[] {
  if (entrypoint === undefined) return image.entrypoint;
  return entrypoint === "" ? [] : [entrypoint];
}

function environmentOf(image: ImageProcess, options: ContainerOptions, hostname: string): string[] {
  const ours = [DEFAULT_PATH, `HOSTNAME=${hostname}`, ...(options.terminal ? ["TERM=xterm"] : [])];
  // HOME is the runtime's business: it reads it from the container's /etc/passwd.
  return mergeEnvironment(ours, [...image.environment, ...options.environment]);
}

function workingDirectoryOf(image: ImageProcess, options: ContainerOptions): string {
  const asked = options.workingDirectory;
  if (asked !== undefined && !asked.startsWith("/"))
    throw new InvalidOption(
      { option: "--workdir", value: asked },
      `The working directory '${asked}' is invalid, it needs to be an absolute path`,
    );
  return asked ?? (image.workingDirectory === "" ? "/" : image.workingDirectory);
}

/** What nobody need ask for. */
function sysctlsOf(
  { network, shared }: ContainerOptions,
  { joined, hasAllGroups }: Surroundings,
): Readonly<Record<string, string>> {
  if (network === "host" || joined?.network !== undefined) return {};
  // Of the host's processes only the host's users may mount a /proc, by which parameters are set.
  if (shared?.includes("pid") && !hasAllGroups) return {};
  return { ...PORT_SYSCTLS, ...(hasAllGroups && PING_SYSCTLS) };
}

function namespacesOf(options: ContainerOptions, joined: Surroundings["joined"] = {}): Namespace[] {
  const shared: readonly string[] = options.shared ?? [];
  const types = (["pid", "mount", "uts", "ipc", "cgroup"] as NamespaceType[]).filter(
    (type) => !shared.includes(type),
  );
  if (options.network !== "host") types.push("network");
  return types.map((type) => ({ type, ...(joined[type] !== undefined && { path: joined[type] }) }));
}

/** The kernel's file systems, then ours, then the caller's, shallow before deep: none may hide another. */
function mountsOf(options: ContainerOptions, { files, sharedMemory, hasOwnUsers }: Surroundings): Mount[] {
  const tmpfs = options.tmpfs ?? [];
  const asked = new Set<string>([...options.volumes, ...tmpfs].map(({ destination }) => destination));
  const bind = (
    source: HostPath,
    destination: ContainerPath,
    readonly: boolean,
    propagation: string,
    {
      isRecursive,
      isReadonlyBelow = true,
      isMapped,
    }: Pick<BindMount, "isRecursive" | "isReadonlyBelow" | "isMapped"> = {},
  ) => ({
    destination,
    type: "bind",
    source,
    options: [
      isRecursive === false ? "bind" : "rbind",
      ...(readonly ? [isRecursive !== false && isReadonlyBelow ? "rro" : "ro"] : []),
      ...(isMapped && hasOwnUsers ? ["idmap"] : []),
      propagation,
    ],
  });
  const own = [
    ...tmpfs.map(({ destination, options: words }) => ({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: words,
    })),
    ...options.volumes.map(({ source, destination, readonly, propagation, ...depth }) =>
      bind(source, destination, readonly, propagation, depth),
    ),
  ];
  const isOwn = ({ destination }: Mount) =>
    !asked.has(destination) && !(options.hasNoSharedMemory && destination === SHARED_MEMORY);
  return [
    ...MOUNTS.filter(isOwn).map((mount) => {
      if (mount.destination === SHARED_MEMORY && sharedMemory !== undefined)
        return bind(sharedMemory, SHARED_MEMORY, false, "rprivate");
      return withAccess(sized(mount, options.shmBytes), options);
    }),
    ...(options.deviceMounts ?? []),
    ...files
      .filter(({ destination }) => !asked.has(destination))
      .map(({ source, destination }) =>
        bind(source, destination, options.isReadonly, "rprivate", { isReadonlyBelow: false }),
      ),
    ...own.sort((a, b) => depth(a.destination) - depth(b.destination)),
  ];
}

const SHARED_MEMORY = "/dev/shm" as ContainerPath;

/** Kernel parameters and cgroups, to be written where that was asked for. */
function withAccess(
  mount: Mount,
  { isPrivileged, hasWritableCgroups }: Pick<ContainerOptions, "isPrivileged" | "hasWritableCgroups">,
): Mount {
  const isWritable =
    (isPrivileged && mount.destination.startsWith("/sys")) || (hasWritableCgroups && mount.type === "cgroup");
  return isWritable ? { ...mount, options: (mount.options ?? []).filter((word) => word !== "ro") } : mount;
}

/** /dev/shm as large as was asked for. */
function sized(mount: Mount, shmBytes: number | undefined): Mount {
  if (mount.destination !== SHARED_MEMORY || shmBytes === undefined) return mount;
  const options = (mount.options ?? []).map((word) => (word.startsWith("size=") ? `size=${shmBytes}` : word));
  return { ...mount, options };
}

function depth(path: string): number {
  return path.split("/").length;
}

function resourcesOf(
  { resources = {}, devices, isPrivileged }: ContainerOptions,
  { hasSwapLimit }: Surroundings,
): Resources {
  const rules = isPrivileged ? [{ allow: true, access: "rwm" }] : DEVICE_RULES;
  return mergeResources(
    { devices: [...rules, ...(devices?.rules ?? [])] },
    { ...resources, ...(resources.memory && { memory: withSwap(resources.memory, hasSwapLimit) }) },
  );
}

/**
 * As much swap as memory, docker's default: without a limit on swap a limit on memory is none. A kernel that does not count swap has
 * no such limit.
 */
export function withSwap(
  memory: NonNullable<Resources["memory"]>,
  hasSwapLimit: boolean,
): NonNullable<Resources["memory"]> {
  const { swap, ...others } = memory;
  if (!hasSwapLimit) return others;
  if (swap !== undefined) return memory;
  return others.limit === undefined ? others : { ...others, swap: 2 * Number(others.limit) };
}
