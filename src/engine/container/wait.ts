/** Waits for the end of containers. */
import { hasCode, isAlive } from "../../base/index.ts";
import { decodeWaitStatus } from "../../sys/index.ts";
import { Attachment } from "../monitor/attachment.ts";
import { readExitRecord, UNKNOWN_STATUS } from "../monitor/exit-record.ts";
import type { Wants } from "../monitor/protocol.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { bundleDirectory, containerDirectory, type Store } from "../store/store.ts";
import { findContainer } from "./find.ts";
import { settle } from "./settle.ts";

const LOOK_AGAIN_MS = 20;
/** How long another teu that is at a container is waited for. */
const PATIENCE_MS = 10_000;

/**
 * Waits until the container that `text` names has ended, and what follows has been done.
 * @param settles  It is we who have it end, at once: another teu need not be started for what follows.
 * @returns its exit status
 */
export async function waitForContainer(store: Store, text: string, settles = false): Promise<number> {
  const { id } = findContainer(store, text);
  let status = UNKNOWN_STATUS;
  for (;;) {
    const container = findIfAny(store, id);
    if (container === undefined) return status; // --rm: the record goes with the container
    if (container.phase === "exited") return container.exitStatus ?? 0;
    status =
      (await monitorSays(store, id, { settles })) ??
      readExitRecord(containerDirectory(store, id))?.status ??
      status;
    await settle(store, container);
    // One that is being made has no monitor yet, and its owner is no child of ours, whose end we
    // would hear of; and what follows may be in the hands of another teu.
    const { phase } = findIfAny(store, id) ?? {};
    if (phase !== undefined && phase !== "exited") await Bun.sleep(LOOK_AGAIN_MS);
  }
}

/**
 * The container that `text` names, as it is when no end is half dealt with: one that has just ended is waited for, which
 * takes another teu a moment. @throws {NoSuchContainer} also when it went with its end
 */
export async function findSettled(store: Store, text: string): Promise<ContainerRecord> {
  const container = findContainer(store, text);
  const hasEnded =
    container.phase === "running" && readExitRecord(containerDirectory(store, container.id)) !== undefined;
  if (!hasEnded) return container;
  await waitForContainer(store, container.id);
  return findContainer(store, container.id);
}

/** As findSettled; another teu that is at it is given the time to start it, or to remove it. */
export async function findIdle(store: Store, text: string): Promise<ContainerRecord> {
  for (const end = performance.now() + PATIENCE_MS; ; await Bun.sleep(LOOK_AGAIN_MS)) {
    const container = await findSettled(store, text);
    const isAtWork = container.phase === "exited" && isAlive(container.owner);
    if (!isAtWork || performance.now() > end) return container;
  }
}

/** The container, if it is still there. */
export function findIfAny(store: Store, id: string): ContainerRecord | undefined {
  try {
    return findContainer(store, id);
  } catch (error) {
    if (hasCode(error, "no-such-container")) return undefined;
    throw error;
  }
}

/**
 * Waits for what the container's monitor says of its end.
 * @param follow  Whether the caller does what follows, and removes the container.
 * @returns undefined where it has none, or none any more
 */
export async function monitorSays(
  store: Store,
  id: string,
  follow: Pick<Wants, "settles" | "removes">,
): Promise<number | undefined> {
  const silent = { stdin: false, stdout: false, stderr: false, allBytes: false, ...follow };
  let attachment: Attachment;
  try {
    attachment = new Attachment(bundleDirectory(store, id), silent);
  } catch (error) {
    // ENOENT: another teu has taken its directory away already.
    if (hasCode(error, "not-attachable") || (error as NodeJS.ErrnoException).code === "ENOENT")
      return undefined;
    throw error;
  }
  using monitor = attachment;
  for await (const frame of monitor.frames())
    if (frame.kind === "exit") return decodeWaitStatus(0, frame.waitStatus).status;
  return undefined;
}
