/** What a container runs as, in the shape of an image's config: for those who look at it, and for an image made of it. Source: Docker Engine API, ContainerConfig. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ExecutionConfig,
  type Healthcheck,
  parseRuntimeConfig,
  type RuntimeConfig,
} from "../../spec/index.ts";
import type { HealthCheck } from "../options/health.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { containerDirectory, type Store } from "../store/store.ts";

/** Its config.json, as it was made; undefined where it is still being made. */
export function readConfig(store: Store, { id }: ContainerRecord): RuntimeConfig | undefined {
  const path = join(containerDirectory(store, id), "config.json");
  return existsSync(path) ? parseRuntimeConfig(readFileSync(path, "utf8")) : undefined;
}

/** The name of a volume that was given none. */
const MADE_UP = /^[0-9a-f]{64}$/;

/** @param config  Its config.json, if there is one. */
export function executionConfigOf(
  { settings }: ContainerRecord,
  config: RuntimeConfig | undefined,
): ExecutionConfig {
  const { command, entrypoint = [], user, exposed = [], mounts = [], labels = {}, health } = settings;
  const { cwd = "/", env = [] } = config?.process ?? {};
  const ours = [`HOSTNAME=${config?.hostname ?? ""}`, ...(settings.terminal ? ["TERM=xterm"] : [])];
  const args = command.slice(entrypoint.length);
  // What a `--mount` asked for is in HostConfig.
  const isAskedFor = (path: string) => settings.asked?.mounts?.some(({ Target }) => Target === path) ?? false;
  const volumes = mounts.flatMap((mount) =>
    mount.kind === "volume" && MADE_UP.test(mount.name) && !isAskedFor(mount.destination)
      ? [mount.destination]
      : [],
  );
  return {
    User: user ?? "",
    Env: env.filter((entry) => !ours.includes(entry)),
    ...(args.length > 0 && { Cmd: args }),
    ...(entrypoint.length > 0 && { Entrypoint: entrypoint }),
    WorkingDir: cwd === "/" ? "" : cwd,
    Labels: labels,
    ...(exposed.length > 0 && {
      ExposedPorts: asKeys(exposed.map((port) => `${port.containerPort}/${port.protocol}`)),
    }),
    ...(volumes.length > 0 && { Volumes: asKeys(volumes) }),
    ...(health && { Healthcheck: healthShape(health) }),
    ...(settings.stopSignal && { StopSignal: settings.stopSignal }),
  };
}

function asKeys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries([...names].sort().map((name) => [name, {}]));
}

/** Docker's keys; times in nanoseconds. */
function healthShape(health: HealthCheck): Healthcheck {
  const { command, intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = health;
  const nanoseconds = (milliseconds: number) => milliseconds * 1_000_000;
  const [shell, option, line, ...more] = command;
  const isLine = shell === "/bin/sh" && option === "-c" && line !== undefined && more.length === 0;
  return {
    Test: isLine ? ["CMD-SHELL", line] : ["CMD", ...command],
    Interval: nanoseconds(intervalMs),
    Timeout: nanoseconds(timeoutMs),
    StartPeriod: nanoseconds(startPeriodMs),
    StartInterval: nanoseconds(startIntervalMs),
    Retries: retries,
  };
}
