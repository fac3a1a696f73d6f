/**
 * Upkeep as a person asks for it: by the process that serves the folder, if one does, over a socket in that folder; else by
 * the process that asks. What is done is the same.
 */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, TeuError } from "../../../base/index.ts";
import type { RepositoryName } from "../../../spec/index.ts";
import { asRecordsLost } from "../storage/database.ts";
import type { StoragePolicy } from "../storage/policy.ts";
import { openStorage, recordsPath, type Storage } from "../storage/storage.ts";
import { check } from "./check.ts";
import { type CollectOptions, collect } from "./collect.ts";
import { importDistribution } from "./import.ts";
import { repair } from "./repair.ts";
import { readStats } from "./stats.ts";

/** What can be asked for. */
export type Operation =
  | { readonly name: "collect"; readonly isDryRun: boolean }
  | { readonly name: "check" }
  | { readonly name: "repair" }
  | { readonly name: "import"; readonly from: string }
  | { readonly name: "stats" };

/** A line of the answer: something found or done on the way, or, last, what it came to. */
export type Line =
  | { readonly kind: "entry"; readonly entry: Readonly<Record<string, unknown>> }
  | { readonly kind: "result"; readonly result: Readonly<Record<string, unknown>> };

/** What operations work with. */
export interface OperationContext {
  readonly storage: Storage;
  readonly root: string;
  readonly collection: Omit<CollectOptions, "isDryRun"> & {
    /** Repositories of an upstream, where blobs come when somebody asks for them. */
    readonly isPartial: (repository: RepositoryName) => boolean;
  };
}

/** The process that serves the folder could not do it. */
export class OperationFailed extends TeuError<"registry-operation-failed", { name: string; reason: string }> {
  constructor(context: { name: string; reason: string }) {
    super(
      "registry-operation-failed",
      "internal",
      context,
      `Cannot ${context.name} the registry: ${context.reason}`,
    );
  }
}

/** There is nothing to look at: a path that was mistyped is no empty registry. */
export class RegistryNotFound extends TeuError<"registry-not-found", { root: string }> {
  constructor(context: { root: string }) {
    super(
      "registry-not-found",
      "not-found",
      context,
      `Cannot find a registry in ${JSON.stringify(context.root)}: it has no registry.db`,
      { hint: "Say where it is by --root or --config" },
    );
  }
}

/** Does it here. */
export async function runOperation(
  { storage, root, collection }: OperationContext,
  operation: Operation,
  onLine: (line: Line) => void,
): Promise<void> {
  const onEntry = (entry: object): void => onLine({ kind: "entry", entry: { ...entry } });
  const end = (result: object): void => onLine({ kind: "result", result: { ...result } });
  switch (operation.name) {
    case "collect":
      return end(await collect(storage, { ...collection, isDryRun: operation.isDryRun }, onEntry));
    case "check":
      return end({ damaged: (await check(storage, onEntry, collection.isPartial)).length });
    case "repair":
      return end({ repaired: (await repair(storage, root, onEntry, collection.isPartial)).length });
    case "import":
      return end(await importDistribution(storage, operation.from, onEntry));
    case "stats":
      return end(await readStats(storage));
    default:
      return operation satisfies never;
  }
}

/**
 * Listens for operations on a socket that only the folder's owner may open. In a folder whose path is too long for a socket
 * it does not: operations then wait until the folder is not served.
 */
export function serveOperations(context: OperationContext): Disposable {
  const path = socketPath(context.root);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) return { [Symbol.dispose]: () => undefined };
  rmSync(path, { force: true }); // of a process that was killed: who serves now has the folder's lock
  const before = process.umask(0o177);
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({ unix: path, development: false, fetch: (request) => answer(context, request) });
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
  return {
    [Symbol.dispose]() {
      server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

/** Asks whoever serves `root` to do it, or does it here, with what `collection` and `policy` say. */
export async function operate(
  root: string,
  { collection, policy }: { collection: OperationContext["collection"]; policy: StoragePolicy },
  operation: Operation,
  onLine: (line: Line) => void,
): Promise<void> {
  const response = await fetch("http://registry/", {
    unix: socketPath(root),
    method: "POST",
    body: JSON.stringify(operation),
  }).catch(() => undefined); // nobody listens: nobody serves the folder, as its lock will tell
  if (response === undefined) {
    // Only an import has a use for a new one. Of one whose records were lost it is told that they were.
    if (
      operation.name !== "import" &&
      !["registry.db", "content"].some((name) => existsSync(join(root, name)))
    )
      throw new RegistryNotFound({ root });
    try {
      using storage = openStorage(root, policy);
      if (operation.name === "check") storage.metadata.upkeep.requireWhole();
      return await runOperation({ storage, root, collection }, operation, onLine);
    } catch (error) {
      throw asRecordsLost(error, recordsPath(root));
    }
  }
  const { name } = operation;
  if (!response.ok || response.body === null)
    throw new OperationFailed({ name, reason: `status ${response.status}` });
  let hasResult = false;
  for await (const text of linesOf(response.body)) {
    const line = JSON.parse(text) as Line | { kind: "failed"; reason: string }; // of a teu, as it answers below
    if (line.kind === "failed") throw new OperationFailed({ name, reason: line.reason });
    hasResult ||= line.kind === "result";
    onLine(line);
  }
  if (!hasResult) throw new OperationFailed({ name, reason: "the process that serves it ended" });
}

/** Of `sockaddr_un`, without the final zero. */
const MAX_SOCKET_PATH_BYTES = 107;

function socketPath(root: string): string {
  return join(root, "control.sock");
}

async function answer(context: OperationContext, request: Request): Promise<Response> {
  if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST" } });
  const operation = (await request.json()) as Operation; // of a teu of the folder's owner
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const send = (line: object): void => controller.enqueue(Buffer.from(`${JSON.stringify(line)}\n`));
      try {
        await runOperation(context, operation, send);
      } catch (error) {
        send({ kind: "failed", reason: messageOf(error) });
      }
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
