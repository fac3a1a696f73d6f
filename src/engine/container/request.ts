/** What is asked for when a container is made, and what an image brings to it. */

import type { ContainerPath } from "../../base/index.ts";
import type { Healthcheck, User } from "../../spec/index.ts";
import type { ContainerOptions, ImageProcess } from "../bundle/config.ts";
import type { HostEntry } from "../bundle/files.ts";
import type { AskedWords } from "../options/asked.ts";
import type { HealthRequest } from "../options/health.ts";
import type { LogChoice } from "../options/log.ts";
import type { NetworkAttachment } from "../options/network.ts";
import type { ExposedPort, PublishedPort } from "../options/publish.ts";
import type { SeccompProfile } from "../options/seccomp-profile.ts";
import type { StorageOptions } from "../options/storage.ts";
import type { UsersRequest } from "../options/users.ts";
import type { ImageMount, VolumeMount, VolumesFrom } from "../options/volume.ts";
import type { ImageTarget } from "../store/containers.ts";
import type { SnapshotRecord } from "../store/snapshots.ts";
import type { Joins } from "./join.ts";
import type { RestartPolicy } from "./restart-policy.ts";

/** Everything that a caller says of a new container. */
export interface ContainerRequest {
  readonly options: ContainerOptions;
  /** Absent: a name is made up. */
  readonly name?: string;
  /** `user[:group]`, by name or number, instead of the image's. */
  readonly user?: string;
  /** Path of another runtime. */
  readonly runtime?: string;
  readonly autoRemove: boolean;
  /** Those of the engine; directories of the host are among the options. */
  readonly volumes: readonly VolumeMount[];
  /** Images whose files it sees. */
  readonly images: readonly ImageMount[];
  /** Containers whose mounts it has too, where it has nothing of its own there. */
  readonly volumesFrom: readonly VolumesFrom[];
  /** Those of ours that it is in, the one with its default route first. */
  readonly networks: readonly NetworkAttachment[];
  /** Containers whose namespaces it is to be in, as they were named. */
  readonly joins: Joins;
  /** Ports of the host that lead to it. */
  readonly ports: readonly PublishedPort[];
  readonly labels: Readonly<Record<string, string>>;
  /** Further lines of its /etc/hosts, and the resolvers of its resolv.conf in the place of the host's. */
  readonly hosts: readonly HostEntry[];
  readonly resolvers: readonly string[];
  readonly restart?: RestartPolicy;
  /** Instead of the image's. */
  readonly stopSignal?: string;
  /** How long `stop` waits for its end; -1: for ever. */
  readonly stopTimeoutSeconds?: number;
  /** Which system calls it may make; absent: docker's default filter says. */
  readonly seccomp?: "unconfined" | SeccompProfile;
  /** Groups of the process beside its user's, by name or number. */
  readonly groups: readonly string[];
  /** Its System V and POSIX IPC: `private`, `shareable`, `none`, `host`, or another container's. */
  readonly ipc: string;
  /** Whose ids its users have; absent: they are the host's. */
  readonly users?: UsersRequest;
  /** The directory of its cgroups, from the top of each hierarchy; absent: the engine's own. */
  readonly cgroupParent?: string;
  /** Limits of its writable layer. */
  readonly storage?: StorageOptions;
  /** `search` and `options` of its resolv.conf, in the place of the host's. */
  readonly searchDomains: readonly string[];
  readonly resolverOptions: readonly string[];
  /** Ports that it serves, beside the image's, and whether each of these leads to a free one of the host. */
  readonly exposed: readonly ExposedPort[];
  readonly publishesAll: boolean;
  readonly health: HealthRequest;
  /** Where what it writes is kept. */
  readonly log?: LogChoice;
  /** Where its ID is written as soon as it has one. */
  readonly idFile?: string;
  /** For those who look at it. */
  readonly asked?: AskedWords;
  /** Whether PID 1 is a program of ours that waits for what the container's program leaves. */
  readonly hasInit: boolean;
  /** Whether the program reads what is typed. */
  readonly interactive: boolean;
  /** Whether its input stays open when somebody who is attached ends theirs. */
  readonly keepsInput?: boolean;
}

/** An image whose layers are directories. */
export interface UnpackedImage {
  /** Its name, as people write it. */
  readonly reference: string;
  /** As it was named by whoever asked for it. */
  readonly asked: string;
  readonly target: ImageTarget;
  readonly process: ImageProcess;
  /** How it is found out whether its program works, and the shell of such lines. */
  readonly health: Healthcheck | undefined;
  readonly shell: readonly string[] | undefined;
  /** Ports that its program serves. */
  readonly exposed: readonly ExposedPort[];
  readonly labels: Readonly<Record<string, string>>;
  /** `user[:group]`, or "". */
  readonly user: string;
  /** Directories that want a volume each. */
  readonly volumes: readonly ContainerPath[];
  /** The snapshot of all its layers; absent for an image without any. */
  readonly top: SnapshotRecord | undefined;
  /** Finds `user[:group]` (absent: the image's own) in the files below `rootfs`. */
  resolveUser(rootfs: string, user: string | undefined): User;
}
