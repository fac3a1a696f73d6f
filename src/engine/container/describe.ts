/** All that is known of one container, in the shape of docker's inspect, for templates and programs that know it. Source: Docker Engine API, ContainerInspect. */
import { join, normalize } from "node:path";
import { NIL_LIST, NIL_MAP, withQuiet } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { readExitRecord } from "../monitor/exit-record.ts";
import type { AskedWords } from "../options/asked.ts";
import { filesDirectory, layerDirectories } from "../snapshot/directories.ts";
import type { ContainerMount, ContainerRecord } from "../store/containers.ts";
import { findHealth } from "../store/health.ts";
import { findRestart } from "../store/restarts.ts";
import { snapshotChain } from "../store/snapshots.ts";
import { bundleDirectory, containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { dataDirectory } from "../volume/place.ts";
import { runningPid } from "./driver-of.ts";
import { executionConfigOf, readConfig } from "./execution-config.ts";
import { hostConfigOf } from "./host-config.ts";
import { encodeLinks } from "./links.ts";
import { lately } from "./list.ts";
import { networkSettingsOf } from "./network-settings.ts";
import { readStartError } from "./start-error.ts";

/** Docker's time of what has not happened. */
const NEVER = "0001-01-01T00:00:00Z";

/** @returns docker's keys, those that have a meaning here */
export async function describeContainer(store: Store, container: ContainerRecord): Promise<object> {
  const { id, name, imageTarget, createdAt, settings } = container;
  const directory = containerDirectory(store, id);
  const config = readConfig(store, container);
  const state = await stateOf(store, container);
  const hostConfig = hostConfigOf(container, config, encodeLinks(store, container));
  const [program = "", ...args] = settings.command;
  return {
    Id: id,
    Created: timeOf(createdAt),
    Path: program,
    Args: args,
    State: state,
    Image: imageTarget.digest,
    ResolvConfPath: join(directory, "resolv.conf"),
    HostnamePath: join(directory, "hostname"),
    HostsPath: join(directory, "hosts"),
    LogPath: settings.log?.driver === "json-file" ? join(directory, "log") : "",
    Name: `/${name}`,
    RestartCount: findRestart(store.database, id)?.attempts ?? 0,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: config?.linux?.mountLabel ?? "",
    ProcessLabel: config?.process?.selinuxLabel ?? "",
    AppArmorProfile: config?.process?.apparmorProfile ?? "",
    ExecIDs: NIL_LIST,
    GraphDriver: graphDriverOf(store, container),
    HostConfig: hostConfig,
    Mounts: mountsOf(store, container),
    Config: configOf(container, config),
    NetworkSettings: networkSettingsOf(store, container, hostConfig.NetworkMode, state.Pid),
  };
}

function timeOf(moment: number | null): string {
  return moment === null ? NEVER : new Date(moment).toISOString();
}

async function stateOf(
  store: Store,
  container: ContainerRecord,
): Promise<Record<string, unknown> & { Pid: number }> {
  const { phase, exitStatus, finishedAt } = lately(store, container);
  const { startedAt, isPaused } = container;
  const health = findHealth(store.database, container.id);
  const isRunning = phase === "running";
  const isDue = (findRestart(store.database, container.id)?.dueAt ?? null) !== null;
  const ended = startedAt === null ? "created" : isDue ? "restarting" : "exited";
  const state = {
    Status: isRunning ? (isPaused ? "paused" : "running") : ended,
    Running: isRunning,
    Paused: isPaused,
    Restarting: !isRunning && isDue,
    OOMKilled: !isRunning && (readExitRecord(containerDirectory(store, container.id))?.oomKills ?? 0) > 0,
    Dead: false,
    Pid: (isRunning ? await runningPid(store, container) : undefined) ?? 0,
    ExitCode: exitStatus ?? 0,
    Error: isRunning ? "" : readStartError(store, container),
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
  return withQuiet(state, { Health: null });
}

/** Where its files lie: scripts look into them. */
function graphDriverOf(store: Store, { id, snapshot }: ContainerRecord): object {
  const [active, top] = snapshot === null ? [] : snapshotChain(store.database, snapshot);
  if (active === undefined) return { Name: "overlay2", Data: NIL_MAP };
  return {
    Name: "overlay2",
    Data: {
      LowerDir: (top === undefined ? [] : layerDirectories(store, top)).join(":"),
      MergedDir: join(bundleDirectory(store, id), "rootfs"),
      UpperDir: filesDirectory(store, active),
      WorkDir: join(snapshotDirectory(store, active.number), "work"),
    },
  };
}

function mountsOf(store: Store, { settings }: ContainerRecord): object[] {
  const { mounts = [], asked = {} } = settings;
  const all = mounts.map((mount) => ({
    Type: mount.kind,
    ...(mount.kind === "volume" && { Name: mount.name, Driver: "local" }),
    Source: sourceOf(store, mount),
    Destination: mount.destination,
    Mode: modeOf(asked, mount),
    RW: !mount.readonly,
    Propagation: mount.kind === "bind" ? mount.propagation : "",
  }));
  const inMemory = (asked.mounts ?? [])
    .filter(({ Type }) => Type === "tmpfs")
    .map(({ Type, Target, ReadOnly = false }) => ({
      ...{ Type, Source: "", Destination: Target, Mode: "", RW: !ReadOnly, Propagation: "" },
    }));
  return [...all, ...inMemory].map((mount) => withQuiet(mount, { Name: "", Driver: "" }));
}

/** The options of its `-v`, as they were said; of a `--mount` docker says `z` of a volume, and nothing else. */
function modeOf({ binds = [], mounts = [] }: AskedWords, { kind, destination }: ContainerMount): string {
  if (mounts.some(({ Target }) => Target === destination)) return kind === "volume" ? "z" : "";
  const fields = binds.map((text) => text.split(":"));
  return fields.find(([, target = ""]) => normalize(target) === destination)?.[2] ?? "";
}

/** A part of a volume is where it is in the volume, as docker has it. */
function sourceOf(store: Store, mount: ContainerMount): string {
  if (mount.kind === "bind") return mount.source;
  if (mount.kind === "image") return mount.image;
  return join(dataDirectory(store, mount.name), mount.subpath ?? "");
}

/** Docker's keys, those that have no value too: templates may ask for each. */
function configOf(container: ContainerRecord, config: RuntimeConfig | undefined): object {
  const { settings, image } = container;
  const {
    Cmd = NIL_LIST,
    Entrypoint = NIL_LIST,
    Volumes = NIL_MAP,
    StopSignal,
    ...said
  } = executionConfigOf(container, config);
  const isOpen = settings.interactive ?? false;
  const shown = {
    Hostname: config?.hostname ?? "",
    Domainname: config?.domainname ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: settings.terminal ?? false,
    OpenStdin: isOpen,
    StdinOnce: isOpen && !settings.keepsInput,
    ...said,
    Cmd,
    Entrypoint,
    Volumes,
    OnBuild: NIL_LIST,
    Image: image,
    StopSignal: StopSignal ?? "SIGTERM",
    ...(settings.stopTimeoutSeconds !== undefined && { StopTimeout: settings.stopTimeoutSeconds }),
  };
  return withQuiet(shown, { ExposedPorts: NIL_MAP, Healthcheck: null, Shell: NIL_LIST, StopTimeout: null });
}
