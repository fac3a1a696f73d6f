/**
 * What of a container's config.json is other in a user namespace, where root's rights end at what belongs to the namespace.
 * Source: runtime-spec config-linux.md; podman's libpod, rootless containers.
 */
import { TeuError } from "../../base/index.ts";
import type { Device, Mount, Resources, RuntimeConfig, User } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";

/** What the user's home is like. */
export interface HomeConditions {
  /** How many ids there are. */
  readonly ids: number;
  /** This process's own; it cannot be lowered. */
  readonly oomScoreAdj: number;
  /** Whether the machine has message queues at /dev/mqueue. */
  readonly hasMessageQueues: boolean;
  /** Where the machine has a device; undefined: nowhere. */
  readonly nodeOf: (device: Device) => string | undefined;
  /** Where the container's cgroup goes; absent: the user may make none. */
  readonly cgroupsPath?: string;
}

/** A limit that only a cgroup of its own could put into force, and the user may make none. */
export class NoCgroupForLimit extends TeuError<"no-cgroup-for-limit", { limit: string }> {
  constructor(context: { limit: string }) {
    super(
      "no-cgroup-for-limit",
      "failed-precondition",
      context,
      `Cannot limit ${context.limit}: this user may make no cgroups`,
      {
        hint: "Cgroups come from the user's own systemd, on cgroup v2, to what runs below it: systemd-run --user --scope teu ...",
      },
    );
  }
}

/** A user of the container's that the home has no id for. */
export class NoSuchID extends TeuError<"no-such-id", { id: number; ids: number }> {
  constructor(context: { id: number; ids: number }) {
    super(
      "no-such-id",
      "failed-precondition",
      context,
      `Cannot run as user or group ${context.id}: the user's namespace has ids up to ${context.ids - 1}`,
      {
        hint: "More come from lines in /etc/subuid and /etc/subgid; they count when no process of the user's containers is left",
      },
    );
  }
}

/** `user` where there are `ids`. With a single one groups can be neither had nor changed. @throws {NoSuchID} */
export function userInHome(user: User, ids: number): User {
  for (const id of [user.uid, user.gid]) if (id >= ids) throw new NoSuchID({ id, ids });
  if (ids > 1) return user;
  const { additionalGids: _, ...rest } = user;
  return rest;
}

/** `config` as it can be in such a home. @throws {NoCgroupForLimit} */
export function asInHome(config: RuntimeConfig, conditions: HomeConditions): RuntimeConfig {
  const { cgroupsPath: _, ...linux } = config.linux ?? {};
  const { cgroupsPath } = conditions;
  if (cgroupsPath === undefined) refuseLimits(linux.resources ?? {});
  const oomScoreAdj = config.process?.oomScoreAdj ?? 0;
  if (oomScoreAdj < Math.min(0, conditions.oomScoreAdj))
    throw new InvalidOption(
      { option: "--oom-score-adj", value: `${oomScoreAdj}` },
      `Cannot set --oom-score-adj ${oomScoreAdj}: only root may go below the user's own, ${conditions.oomScoreAdj}`,
    );
  const isShared = (wanted: string) => !linux.namespaces?.some(({ type }) => type === wanted);
  const shared = { network: isShared("network"), pid: isShared("pid"), ipc: isShared("ipc") };
  const nodes = boundDevices(linux.devices ?? [], conditions);
  return {
    ...config,
    ...(config.process && {
      process: {
        ...config.process,
        user: userInHome(config.process.user ?? { uid: 0, gid: 0 }, conditions.ids),
        oomScoreAdj: Math.max(oomScoreAdj, conditions.oomScoreAdj),
      },
    }),
    ...(config.mounts && {
      mounts: [
        ...config.mounts
          .filter(({ type }) => type !== "mqueue" || !shared.ipc || conditions.hasMessageQueues)
          .map((mount) => mountInUserNamespace(mount, { shared, hasTerminalGroup: conditions.ids > 1 })),
        ...nodes.mounts,
      ],
    }),
    linux: {
      ...linux,
      ...(linux.devices && { devices: nodes.devices }),
      ...(cgroupsPath !== undefined && { cgroupsPath }),
    },
  };
}

/** Nobody makes devices in there, and the runtime shows a node at its own place: one of another name is shown by a mount. */
export function boundDevices(
  devices: readonly Device[],
  { nodeOf }: Pick<HomeConditions, "nodeOf">,
): { devices: Device[]; mounts: Mount[] } {
  const kept: Device[] = [];
  const mounts: Mount[] = [];
  for (const device of devices) {
    const source = nodeOf(device);
    if (source === undefined || source === device.path) kept.push(device);
    else mounts.push({ destination: device.path, type: "bind", source, options: ["bind", "rprivate"] });
  }
  return { devices: kept, mounts };
}

/**
 * What a namespace of the machine's shows cannot be mounted anew: it is bound.
 * @param given.hasTerminalGroup  Whether there is a group 5, whose terminals usually are.
 */
export function mountInUserNamespace(
  mount: Mount,
  {
    shared,
    hasTerminalGroup,
  }: {
    readonly shared: { readonly network: boolean; readonly pid: boolean; readonly ipc: boolean };
    readonly hasTerminalGroup: boolean;
  },
): Mount {
  const bound = (source: string, more: readonly string[]) => ({
    destination: mount.destination,
    type: "bind",
    source,
    options: ["rbind", "nosuid", "noexec", "nodev", ...more, "rslave"],
  });
  if (mount.type === "sysfs" && shared.network) return bound("/sys", ["ro"]);
  if (mount.type === "mqueue" && shared.ipc) return bound("/dev/mqueue", []);
  if (mount.type === "proc" && shared.pid) return bound("/proc", []);
  if (mount.type === "devpts" && !hasTerminalGroup)
    return { ...mount, options: (mount.options ?? []).filter((option) => !option.startsWith("gid=")) };
  return mount;
}

const LIMITS: readonly (readonly [keyof Resources, string])[] = [
  ["memory", "memory"],
  ["cpu", "processors"],
  ["pids", "processes"],
  ["blockIO", "what is read and written"],
];

function refuseLimits(resources: Resources): void {
  for (const [key, limit] of LIMITS)
    if (Object.keys(resources[key] ?? {}).length > 0) throw new NoCgroupForLimit({ limit });
}
