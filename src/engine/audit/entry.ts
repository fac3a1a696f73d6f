/** One entry of the audit log: who had what run here, and what it was allowed to do. Environments are left out: they hold secrets. */
import type { RuntimeConfig } from "../../spec/index.ts";
import { CAPABILITIES } from "../bundle/defaults.ts";
import type { ContainerRecord } from "../store/containers.ts";

/** What a signature policy made of an image. */
export type SignatureVerdict = "no policy" | "accepted" | "signed";

export interface AuditEntry {
  /** RFC 3339. */
  readonly time: string;
  readonly action: "create" | "start" | "exec";
  /** Who asked: the user, and the one that logged in, before sudo. */
  readonly uid: number;
  readonly loginUID: number | null;
  readonly pid: number;
  readonly container: string;
  readonly name: string;
  readonly image: string;
  readonly imageDigest: string;
  /** The program and its arguments. */
  readonly args: readonly string[];
  readonly user: string;
  /** Whose ids on the machine its users have, `CONTAINER:HOST:SIZE`; absent: they are the machine's. They may be another container's later. */
  readonly ids?: { readonly uids: readonly string[]; readonly gids: readonly string[] };
  /** Of the bundle's config.json, as its runtime got it. */
  readonly configDigest?: string;
  /** Of what our runtime made of it, for a start: the system calls. Another runtime has no plan. */
  readonly planDigest?: string;
  readonly signature?: SignatureVerdict;
  /** What it was given beyond the defaults; absent: nothing. */
  readonly allowed?: Allowed;
  /** SHA-256 of the line before, so that none can be taken out or changed unseen; empty in the first. */
  readonly previous: string;
}

/** Beyond what every container has. */
export interface Allowed {
  readonly privileged?: true;
  readonly capabilities?: readonly string[];
  readonly seccomp?: "none" | "its own";
  /** Paths of the host that it sees, `:ro` where it may not write. */
  readonly binds?: readonly string[];
  readonly devices?: readonly string[];
  /** Namespaces that it has not of its own. */
  readonly shares?: readonly string[];
}

const OWN = ["pid", "mount", "uts", "ipc", "cgroup", "network"];

/** What `config` allows beyond the defaults. */
export function allowedBy(
  config: RuntimeConfig,
  container: ContainerRecord,
  hasOwnFilter: boolean,
): Allowed | undefined {
  const { mounts = [] } = container.settings;
  const bounding = config.process?.capabilities?.bounding ?? [];
  const added = bounding.filter((name) => !CAPABILITIES.includes(name));
  const types = (config.linux?.namespaces ?? [])
    .filter(({ path }) => path === undefined)
    .map(({ type }) => type as string);
  const binds = mounts.flatMap((mount) =>
    mount.kind === "bind" ? [`${mount.source}${mount.readonly ? ":ro" : ""}`] : [],
  );
  const devices = (config.linux?.devices ?? []).map(({ path }) => path);
  const shares = OWN.filter((type) => !types.includes(type));
  const { isPrivileged } = container.settings;
  const allowed: Allowed = {
    ...(isPrivileged && { privileged: true }),
    ...(added.length > 0 && { capabilities: added }),
    ...(config.linux?.seccomp === undefined
      ? { seccomp: "none" as const }
      : hasOwnFilter
        ? { seccomp: "its own" as const }
        : {}),
    ...(binds.length > 0 && { binds }),
    ...(devices.length > 0 && !isPrivileged && { devices }),
    ...(shares.length > 0 && { shares }),
  };
  return Object.keys(allowed).length > 0 ? allowed : undefined;
}
