/** What is told of containers. */

import { readExitRecord } from "../monitor/exit-record.ts";
import { encodeAddress } from "../network/address.ts";
import { readResult } from "../network/cni/result.ts";
import type { ExposedPort } from "../options/publish.ts";
import { listCNIAttachments } from "../store/cni.ts";
import {
  type ContainerPhase,
  type ContainerRecord,
  type ContainerSettings,
  listContainers as listRecords,
} from "../store/containers.ts";
import { type HealthStatus, listHealth } from "../store/health.ts";
import { listEndpoints, listPorts, type PortRecord } from "../store/networks.ts";
import { listWaiting } from "../store/restarts.ts";
import { containerDirectory, type Records } from "../store/store.ts";
import { type ImageNames, imageNamer } from "./image-names.ts";

/** One container, as lists show it. */
export interface ContainerSummary extends ImageNames {
  readonly id: string;
  readonly name: string;
  /** Names that others have for it in the pre-defined network, `CONTAINER/ALIAS`. */
  readonly linkedAs: readonly string[];
  /** As it was named when the container was made. */
  readonly image: string;
  readonly imageDigest: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly phase: ContainerPhase;
  readonly exitStatus: number | null;
  readonly createdAt: number;
  /** When its program began, the last time; null: never. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Whether it is stopped where it is. */
  readonly isPaused: boolean;
  /** Whether it has ended, and waits to be started again by its policy. */
  readonly isRestarting: boolean;
  /** Names of the networks that it is to be in, or `none` or `host`, and of the volumes that it has. */
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** What it sees of the host: names of volumes and paths, and where. */
  readonly mounts: readonly { readonly source: string; readonly destination: string }[];
  /** Ports that its program serves. */
  readonly exposed: readonly ExposedPort[];
  /** Its address in the network that it is in, while it runs. */
  readonly address?: string;
  /** Ports of the host that lead to it, while it runs. */
  readonly ports: readonly Omit<PortRecord, "container">[];
  /** While it runs, if it is checked. */
  readonly health?: HealthStatus;
}

/** Every container, newest first. */
export function listContainers(store: Records): ContainerSummary[] {
  const endpoints = listEndpoints(store.database);
  const ofPlugins = listCNIAttachments(store.database);
  const published = listPorts(store.database);
  const checked = listHealth(store.database);
  const waiting = listWaiting(store.database);
  const imageNamesOf = imageNamer(store);
  const records = listRecords(store.database, store.namespace);
  const links = records.flatMap(({ name, settings }) =>
    (settings.networks ?? []).flatMap((network) =>
      (network.links ?? []).map(({ id, alias }) => ({ id, name: `${name}/${alias}` })),
    ),
  );
  return records.map((record) => {
    const { id, name, image, createdAt, startedAt, isPaused } = record;
    const { phase, exitStatus, finishedAt } = lately(store, record);
    const { command, labels = {} } = record.settings;
    const imageDigest = record.imageTarget.digest;
    const endpoint = endpoints.find(({ container }) => container === id);
    const place = ofPlugins.find(({ container }) => container === id);
    const address = endpoint
      ? encodeAddress(endpoint.address)
      : place && readResult(place).addresses[0]?.replace(/\/.*/, "");
    const health = phase === "running" ? checked.get(id) : undefined;
    const ports = published
      .filter(({ container }) => container === id)
      .map(({ container: _, ...port }) => port);
    return {
      ...{ id, name, image, imageDigest, command, labels, phase, exitStatus },
      linkedAs: links.filter((link) => link.id === id).map((link) => link.name),
      ...imageNamesOf(record),
      ...{ createdAt, startedAt, finishedAt, isPaused },
      isRestarting: phase === "exited" && startedAt !== null && waiting.has(id),
      ...(health && { health }),
      ...(address && { address }),
      networks: networksOf(record.settings),
      mounts: (record.settings.mounts ?? []).map((mount) => ({
        source: mount.kind === "bind" ? mount.source : mount.kind === "image" ? mount.image : mount.name,
        destination: mount.destination,
      })),
      exposed: record.settings.exposed ?? [],
      volumes: (record.settings.mounts ?? []).flatMap((mount) =>
        mount.kind === "volume" ? [mount.name] : [],
      ),
      ports,
    };
  });
}

function networksOf({ networks = [], networkMode }: ContainerSettings): string[] {
  if (networks.length > 0 || networkMode === undefined) return networks.map(({ name }) => name);
  return [networkMode];
}

/** How far it has come: its end may be on disk before somebody has dealt with it. */
export function lately(
  store: Records,
  { id, phase, exitStatus, finishedAt }: ContainerRecord,
): Pick<ContainerRecord, "phase" | "exitStatus" | "finishedAt"> {
  const exit = phase === "running" ? readExitRecord(containerDirectory(store, id)) : undefined;
  if (exit === undefined) return { phase, exitStatus, finishedAt };
  return { phase: "exited", exitStatus: exit.status, finishedAt: exit.finishedAt };
}
