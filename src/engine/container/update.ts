/** `teu update`: other limits and another restart policy, for a container that runs and for its next starts. Source: docker update reference. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../content/index.ts";
import { parseRuntimeConfig, type Resources } from "../../spec/index.ts";
import { encodeConfig } from "../bundle/bundle.ts";
import { withSwap } from "../bundle/config.ts";
import { hasSwapLimit } from "../bundle/swap.ts";
import type { RuntimeDriver } from "../driver/driver.ts";
import { mergeResources } from "../options/resources.ts";
import { changeSettings } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { noteContainerEvent } from "../store/events.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { noteRecord } from "./note-record.ts";
import { noteStart } from "./restart.ts";
import type { RestartPolicy } from "./restart-policy.ts";
import { findSettled } from "./wait.ts";

/** What is to be otherwise; what is absent stays. */
export interface UpdateRequest {
  readonly resources: Pick<Resources, "memory" | "cpu" | "pids" | "blockIO">;
  /** undefined: as it is; null: none. */
  readonly restart?: RestartPolicy | null;
}

/** Changes the container that `text` names. A limit that the kernel refuses changes nothing. */
export async function updateContainer(store: Store, text: string, request: UpdateRequest): Promise<void> {
  const container = await findSettled(store, text);
  const { id, phase, settings } = container;
  const { memory, ...others } = request.resources;
  const resources = { ...others, ...(memory && { memory: withSwap(memory, hasSwapLimit()) }) };
  if (Object.keys(resources).length > 0) {
    if (phase === "running") await updateRunning(await driverOf(store, settings.runtime), id, resources);
    keepLimits(store, id, resources);
  }
  const { restart: _, ...rest } = settings;
  const changed = { ...rest, ...(request.restart && { restart: request.restart }) };
  inTransaction(store.database, () => {
    noteContainerEvent(store.database, id, "update");
    if (request.restart === undefined) return;
    changeSettings(store.database, id, changed);
    if (phase === "running") noteStart(store, { ...container, settings: changed }, true);
  });
  if (request.restart !== undefined) noteRecord(store, id);
}

/** One that ends at this moment needs no limits any more. */
async function updateRunning(
  driver: RuntimeDriver,
  id: string,
  resources: UpdateRequest["resources"],
): Promise<void> {
  try {
    await driver.update(id, resources);
  } catch (error) {
    if ((await driver.pidOf(id)) !== undefined) throw error;
  }
}

/** For the next start. */
function keepLimits(store: Store, id: string, resources: UpdateRequest["resources"]): void {
  const path = join(containerDirectory(store, id), "config.json");
  const config = parseRuntimeConfig(readFileSync(path, "utf8"));
  const { linux = {} } = config;
  const changed = {
    ...config,
    linux: { ...linux, resources: mergeResources(linux.resources ?? {}, resources) },
  };
  replaceFile(path, encodeConfig(changed), 0o600);
}
