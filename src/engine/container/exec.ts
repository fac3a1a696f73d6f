/** One more program in a container that runs, in the foreground. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TeuError } from "../../base/index.ts";
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { childEnded } from "../../sys/index.ts";
import { capabilitiesOf } from "../bundle/config.ts";
import { mergeEnvironment } from "../options/environment.ts";
import { userOf } from "../options/user.ts";
import { forwardSignals } from "../run/signals.ts";
import { Streams } from "../run/streams.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { findContainer } from "./remove.ts";
import { ContainerNotRunning } from "./stop.ts";

/** It stands still, and what would run in it too. Docker's words. */
export class ContainerPaused extends TeuError<"container-paused", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "container-paused",
      "failed-precondition",
      context,
      `Container ${context.id} is paused, unpause the container before exec`,
    );
  }
}

/** What to run, and how. */
export interface ExecRequest {
  readonly args: readonly string[];
  /** `NAME=value`, or `NAME` to remove it: over what the container has. */
  readonly environment: readonly string[];
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly interactive: boolean;
  readonly terminal: boolean;
}

/** Runs it and waits for it. @returns its exit status. @throws {ContainerNotRunning} */
export async function execInContainer(store: Store, text: string, request: ExecRequest): Promise<number> {
  const { id, phase, settings, isPaused } = findContainer(store, text);
  if (phase !== "running") throw new ContainerNotRunning({ id });
  if (isPaused) throw new ContainerPaused({ id });
  const { interactive, terminal } = request;
  const bundle = bundleDirectory(store, id);
  using streams = new Streams({ interactive, terminal });
  const driver = await driverOf(store, settings.runtime);
  const { pid } = await driver.exec({
    id,
    bundle,
    process: processOf(bundle, request),
    stdio: streams.stdio,
    onTerminal: (master) => streams.attach(master),
  });
  streams.handOver();
  const ended = childEnded(pid);
  using _signals = forwardSignals((name) => process.kill(pid, name));
  const { status } = await ended;
  await streams.drained();
  return status;
}

/** The container's own process, but for what is asked otherwise. Source: docker exec. */
export function processOf(bundle: string, request: ExecRequest): Process {
  const text = readFileSync(join(bundle, "config.json"), "utf8");
  const own = (JSON.parse(text) as RuntimeConfig).process; // we wrote it
  const { user, workingDirectory, terminal, args, environment } = request;
  const found = user === undefined ? (own?.user ?? { uid: 0, gid: 0 }) : userOf(user, join(bundle, "rootfs"));
  return {
    terminal,
    user: found,
    args,
    env: mergeEnvironment([...(own?.env ?? []), ...(terminal ? ["TERM=xterm"] : [])], environment),
    cwd: workingDirectory ?? own?.cwd ?? "/",
    capabilities: capabilitiesOf(found, own?.capabilities?.bounding),
    noNewPrivileges: own?.noNewPrivileges ?? false,
  };
}
