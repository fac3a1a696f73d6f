/**
 * What of a container's config.json is other in a user namespace, where root's rights end at what belongs to the namespace.
 * Source: runtime-spec config-linux.md; podman's libpod, rootless containers.
 */
import { TeuError } from "../../base/index.ts";
import type { Mount, Resources, RuntimeConfig, User } from "../../spec/index.ts";

/** What the user's home is like. */
export interface HomeConditions {
  /** How many ids there are. */
  readonly ids: number;
  /** This process's own; it cannot be lowered. */
  readonly oomScoreAdj: number;
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
  const hasNetwork = linux.namespaces?.some(({ type }) => type === "network") ?? false;
  return {
    ...config,
    ...(config.process && {
      process: {
        ...config.process,
        user: userInHome(config.process.user ?? { uid: 0, gid: 0 }, conditions.ids),
        oomScoreAdj: Math.max(config.process.oomScoreAdj ?? 0, conditions.oomScoreAdj),
      },
    }),
    ...(config.mounts && {
      mounts: config.mounts.map((mount) => mountAsInHome(mount, { hasNetwork, ids: conditions.ids })),
    }),
    linux: { ...linux, ...(cgroupsPath !== undefined && { cgroupsPath }) },
  };
}

/** Of the machine's network nothing can be mounted anew: /sys is the machine's, to be read. A group 5 is there where there are more ids than one. */
function mountAsInHome(
  mount: Mount,
  { hasNetwork, ids }: { readonly hasNetwork: boolean; readonly ids: number },
): Mount {
  if (mount.type === "sysfs" && !hasNetwork)
    return {
      destination: mount.destination,
      type: "bind",
      source: "/sys",
      options: ["rbind", "nosuid", "noexec", "nodev", "ro", "rslave"],
    };
  if (mount.type === "devpts" && ids === 1)
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
