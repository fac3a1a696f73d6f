/** Tells the name server that networks have changed, and starts one when it is needed and there is none. */
import { closeSync } from "node:fs";
import { TeuError } from "../../base/index.ts";
import { check, connectUnix, errnoOf, receiveMessage, sendMessage, syscall } from "../../sys/index.ts";
import { selfCommand } from "../self.ts";
import type { Store } from "../store/store.ts";
import { nameSocket, needsNameServer } from "./needed.ts";

/** The command line's word for the name server. */
export const NAME_SERVER_WORD = "name-server";

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const ANSWER_SECONDS = 5;
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 3;
/** One that was about to end when it was asked for takes its lock with it. */
const START_AGAIN_MS = 500;

/** It does not come up. */
export class NoNameServer extends TeuError<"no-name-server", { socket: string }> {
  constructor(context: { socket: string }) {
    super(
      "no-name-server",
      "unavailable",
      context,
      `Cannot start the name server: nobody answers at ${JSON.stringify(context.socket)}`,
    );
  }
}

/** Returns when the server knows of the networks as they are. @throws {NoNameServer} */
export async function tellNameServer(store: Store): Promise<void> {
  const isNeeded = needsNameServer(store);
  let started = Number.NEGATIVE_INFINITY;
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    if (tell(store)) return;
    if (!isNeeded) return;
    if (performance.now() - started > START_AGAIN_MS) {
      startNameServer(store);
      started = performance.now();
    }
    await Bun.sleep(LOOK_AGAIN_MS);
  }
  throw new NoNameServer({ socket: nameSocket(store) });
}

/** Starts a server where one is needed and none answers: it was killed. */
export function sendForNameServer(store: Store): void {
  if (needsNameServer(store) && !tell(store)) startNameServer(store);
}

/** @returns whether it has heard */
function tell(store: Store): boolean {
  let socket: number;
  try {
    socket = connectUnix(nameSocket(store));
  } catch (error) {
    if (["ENOENT", "ECONNREFUSED"].includes(errnoOf(error))) return false;
    throw error;
  }
  try {
    // One that hangs is none.
    const patience = new BigInt64Array([BigInt(ANSWER_SECONDS), 0n]);
    check(
      syscall("setsockopt", socket, SOL_SOCKET, SO_RCVTIMEO, patience, patience.byteLength),
      "setsockopt",
    );
    if (sendMessage(socket, new TextEncoder().encode("refresh")) < 0) return false;
    return receiveMessage(socket, new Uint8Array(2)).length === 2;
  } catch (error) {
    // It was about to end, or does not answer.
    if (["ECONNRESET", "EAGAIN"].includes(errnoOf(error))) return false;
    throw error;
  } finally {
    closeSync(socket);
  }
}

/** Starts one, for which the lock is free. */
export function startNameServer({ paths, home }: Store): void {
  const words = [...selfCommand(), NAME_SERVER_WORD];
  const env = { TEU_ROOT: paths.root, TEU_RUN: paths.run };
  if (home !== undefined) {
    home.startSelf([NAME_SERVER_WORD], env);
    return;
  }
  Bun.spawn(words, { cwd: "/", env, stdio: ["ignore", "ignore", "ignore"], detached: true }).unref();
}
