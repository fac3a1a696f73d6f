/** All that is known of one container, in the shape of docker's inspect, for templates and programs that know it. Source: Docker Engine API, ContainerInspect. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRuntimeConfig, type RuntimeConfig } from "../../spec/index.ts";
import { encodeAddress } from "../network/address.ts";
import { networkIDOf } from "../network/cni/list.ts";
import { readResult } from "../network/cni/result.ts";
import { endpointsOf } from "../network/find.ts";
import { addressIn6 } from "../network/list.ts";
import type { HealthCheck } from "../options/health.ts";
import { listCNIAttachments } from "../store/cni.ts";
import type { ContainerMount, ContainerRecord } from "../store/containers.ts";
import { findHealth } from "../store/health.ts";
import { listNetworks, listPorts } from "../store/networks.ts";
import { findRestart } from "../store/restarts.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { dataDirectory } from "../volume/place.ts";
import { runningPid } from "./driver-of.ts";
import { hostConfigOf } from "./host-config.ts";
import { lately } from "./list.ts";

/** Docker's time of what has not happened. */
const NEVER = "0001-01-01T00:00:00Z";

/** @returns docker's keys, those that have a meaning here */
export async function describeContainer(store: Store, container: ContainerRecord): Promise<object> {
  const { id, name, image, imageTarget, createdAt, settings } = container;
  const directory = containerDirectory(store, id);
  const path = join(directory, "config.json");
  const config = existsSync(path) ? parseRuntimeConfig(readFileSync(path, "utf8")) : undefined;
  const [program = "", ...args] = settings.command;
  return {
    Id: id,
    Created: timeOf(createdAt),
    Path: program,
    Args: args,
    State: await stateOf(store, container),
    Image: imageTarget.digest,
    ResolvConfPath: join(directory, "resolv.conf"),
    HostnamePath: join(directory, "hostname"),
    HostsPath: join(directory, "hosts"),
    Name: `/${name}`,
    RestartCount: findRestart(store.database, id)?.attempts ?? 0,
    Driver: "overlay",
    Platform: "linux",
    HostConfig: hostConfigOf(container, config),
    Mounts: mountsOf(store, container),
    Config: configOf(container, config, image),
    NetworkSettings: networkSettingsOf(store, container),
  };
}

function timeOf(moment: number | null): string {
  return moment === null ? NEVER : new Date(moment).toISOString();
}

async function stateOf(store: Store, container: ContainerRecord): Promise<object> {
  const { phase, exitStatus, finishedAt } = lately(store, container);
  const { startedAt, isPaused } = container;
  const health = findHealth(store.database, container.id);
  const isRunning = phase === "running";
  const isDue = (findRestart(store.database, container.id)?.dueAt ?? null) !== null;
  const ended = startedAt === null ? "created" : isDue ? "restarting" : "exited";
  return {
    Status: isRunning ? (isPaused ? "paused" : "running") : ended,
    Running: isRunning,
    Paused: isPaused,
    Restarting: !isRunning && isDue,
    OOMKilled: false,
    Dead: false,
    Pid: (isRunning ? await runningPid(store, container) : undefined) ?? 0,
    ExitCode: exitStatus ?? 0,
    Error: "",
    StartedAt: timeOf(startedAt),
    FinishedAt: timeOf(finishedAt),
    ...(health && {
      Health: {
        Status: health.status,
        FailingStreak: health.failingStreak,
        Log: health.log.map(({ start, end, exitStatus, output }) => ({
          ...{ Start: timeOf(start), End: timeOf(end), ExitCode: exitStatus, Output: output },
        })),
      },
    }),
  };
}

/** Docker's keys; times in nanoseconds. */
function healthShape(health: HealthCheck): object {
  const { command, intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = health;
  const nanoseconds = (milliseconds: number) => milliseconds * 1_000_000;
  return {
    Test: ["CMD", ...command],
    Interval: nanoseconds(intervalMs),
    Timeout: nanoseconds(timeoutMs),
    StartPeriod: nanoseconds(startPeriodMs),
    StartInterval: nanoseconds(startIntervalMs),
    Retries: retries,
  };
}

function mountsOf(store: Store, { settings }: ContainerRecord): object[] {
  return (settings.mounts ?? []).map((mount) => ({
    Type: mount.kind,
    ...(mount.kind === "volume" && { Name: mount.name, Driver: "local" }),
    Source: sourceOf(store, mount),
    Destination: mount.destination,
    Mode: mount.readonly ? "ro" : "",
    RW: !mount.readonly,
    Propagation: mount.kind === "bind" ? mount.propagation : "",
  }));
}

/** A part of a volume is where it is in the volume, as docker has it. */
function sourceOf(store: Store, mount: ContainerMount): string {
  if (mount.kind === "bind") return mount.source;
  if (mount.kind === "image") return mount.image;
  return join(dataDirectory(store, mount.name), mount.subpath ?? "");
}

function configOf({ settings }: ContainerRecord, config: RuntimeConfig | undefined, image: string): object {
  const process = config?.process;
  const { uid = 0, gid = 0 } = process?.user ?? {};
  return {
    Hostname: config?.hostname ?? "",
    User: uid === 0 && gid === 0 ? "" : `${uid}:${gid}`,
    Tty: settings.terminal ?? false,
    OpenStdin: settings.interactive ?? false,
    Env: process?.env ?? [],
    Cmd: settings.command,
    Image: image,
    WorkingDir: process?.cwd ?? "/",
    Entrypoint: null,
    Labels: settings.labels ?? {},
    ...(settings.health && { Healthcheck: healthShape(settings.health) }),
    StopSignal: settings.stopSignal ?? "SIGTERM",
    ...(settings.stopTimeoutSeconds !== undefined && { StopTimeout: settings.stopTimeoutSeconds }),
    Domainname: config?.domainname ?? "",
  };
}

function networkSettingsOf(store: Store, { id, settings }: ContainerRecord): object {
  const networks = listNetworks(store.database, store.namespace);
  const places = endpointsOf(store, id).flatMap((endpoint) => {
    const network = networks.find((other) => other.id === endpoint.network);
    return network === undefined ? [] : [{ endpoint, network }];
  });
  const shown = places.map(({ endpoint, network }): [string, object] => [
    network.name,
    {
      NetworkID: network.id,
      Gateway: encodeAddress(network.subnet.gateway),
      IPAddress: encodeAddress(endpoint.address),
      IPPrefixLen: network.subnet.prefixLength,
      ...addressIn6(network, endpoint),
      Aliases: settings.networks?.find(({ name }) => name === network.name)?.aliases ?? [],
    },
  ]);
  const ofPlugins = listCNIAttachments(store.database, id).map((attachment) => {
    const { addresses, gateway } = readResult(attachment);
    const [address = "", prefix = "0"] = (addresses[0] ?? "").split("/");
    return { name: `cni:${attachment.network}`, gateway, address, prefixLength: Number(prefix) };
  });
  for (const { name, gateway, address, prefixLength } of ofPlugins)
    shown.push([
      name,
      {
        ...{ NetworkID: networkIDOf(name), Gateway: gateway, IPAddress: address, IPPrefixLen: prefixLength },
        Aliases: settings.networks?.find((other) => other.name === name)?.aliases ?? [],
      },
    ]);
  const published = new Map<string, { HostIp: string; HostPort: string }[]>();
  for (const { container, containerPort, protocol, hostAddress, hostPort } of listPorts(store.database)) {
    if (container !== id) continue;
    const key = `${containerPort}/${protocol}`;
    const binding = { HostIp: hostAddress || "0.0.0.0", HostPort: `${hostPort}` };
    published.set(key, [...(published.get(key) ?? []), binding]);
  }
  const [first] = places;
  return {
    Ports: Object.fromEntries(published),
    Gateway:
      first === undefined ? (ofPlugins[0]?.gateway ?? "") : encodeAddress(first.network.subnet.gateway),
    IPAddress: first === undefined ? (ofPlugins[0]?.address ?? "") : encodeAddress(first.endpoint.address),
    IPPrefixLen: first?.network.subnet.prefixLength ?? ofPlugins[0]?.prefixLength ?? 0,
    ...addressIn6(first?.network, first?.endpoint),
    Networks: Object.fromEntries(shown),
  };
}
