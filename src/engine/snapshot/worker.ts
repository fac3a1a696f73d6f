/**
 * Unpacking layers in a process of its own: two layers in two processes take half the time, in two threads they do not
 * (one table of descriptors, one address space). Jobs and their outcomes are lines of JSON; nothing else passes between the two.
 */
import { type ErrorKind, isTeuError, messageOf, TeuError } from "../../base/index.ts";
import { blobChunks, openBlobFile } from "../../content/index.ts";
import { type AppliedLayer, type ApplyOptions, applyLayer, type ByteString } from "../../image/index.ts";
import type { DiffID, Digest } from "../../spec/index.ts";
import { check, layerFiles, syscall } from "../../sys/index.ts";
import { selfCommand } from "../self.ts";
import { syncToDisk } from "./sync-tree.ts";

/** One layer to be unpacked. */
export interface LayerJob {
  /** The blob's file. */
  readonly blob: string;
  readonly digest: Digest;
  /** A directory; see `ApplyOptions.mode`. */
  readonly target: string;
  readonly mode: ApplyOptions["mode"];
  readonly diffID: DiffID;
  /** Whether it is on disk when it is done. */
  readonly isSynced: boolean;
}

/** All that was written to the directory's file system is to be on disk. */
interface SyncJob {
  readonly sync: string;
}

/** What a failed job tells of its error. */
interface Failure {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
}

/** The command line's word for {@link runWorker}. */
export const WORKER_WORD = "unpack-layer";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Of that process. What JavaScriptCore's last compiler makes is not used for long enough: an eighth of the processor time went into it. */
export const UNPACK_ENVIRONMENT: Readonly<Record<string, string>> = { BUN_JSC_useFTLJIT: "0" };

/** Unpacks a layer in this process, and waits for no disk: the caller sees to it that it is there before anything refers to it. */
export async function unpackHere(job: LayerJob, signal?: AbortSignal): Promise<AppliedLayer> {
  const options = {
    files: layerFiles<ByteString>(),
    mode: job.mode,
    diffID: job.diffID,
    sync: false,
  } as const;
  return await applyLayer(blobChunks(openBlobFile(job.blob, job.digest)), job.target, options, signal);
}

/** A process that unpacks one layer after the other, and ends when `signal` says so or this process dies. Disposing ends it. */
export class LayerProcess implements AsyncDisposable {
  readonly #signal: AbortSignal;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #answers: AsyncGenerator<string, void, void>;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#child = Bun.spawn([...selfCommand(), WORKER_WORD], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      env: UNPACK_ENVIRONMENT,
      cwd: "/",
      signal,
      killSignal: "SIGKILL",
    });
    this.#answers = linesOf(this.#child.stdout);
  }

  /** Unpacks a layer. One at a time. */
  async unpack(job: LayerJob): Promise<AppliedLayer> {
    const outcome = await this.#ask(job, `unpack ${job.diffID}`);
    if ("applied" in outcome) return outcome.applied;
    throw new TypeError("a layer was to be unpacked"); // runWorker answers what was asked
  }

  /** Waits until all that was written to the file system of `directory` before is on disk. */
  async sync(directory: string): Promise<void> {
    await this.#ask({ sync: directory }, `sync ${JSON.stringify(directory)}`);
  }

  async #ask(job: LayerJob | SyncJob, what: string): Promise<Exclude<Outcome, { failure: Failure }>> {
    try {
      this.#child.stdin.write(`${JSON.stringify(job)}\n`);
      await this.#child.stdin.flush();
    } catch {
      // It has died: there will be no answer.
    }
    const { value } = await this.#answers.next();
    this.#signal.throwIfAborted();
    const outcome = parseAnswer(value ?? "");
    if (outcome === undefined) {
      const status = await this.#child.exited;
      const message = `Cannot ${what}: its process ended with status ${status}`;
      throw new TeuError("unpack-died", "internal", { status }, message);
    }
    if (!("failure" in outcome)) return outcome;
    const { code, kind, message } = outcome.failure;
    throw new TeuError(code, kind, { job: what }, message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#child.stdin.end()]);
    await this.#child.exited;
  }
}

/** The process's side: jobs on stdin, answers on stdout, until there are no more. @returns the exit status */
export async function runWorker(
  input: ReadableStream<Uint8Array>,
  answer: (text: string) => void,
): Promise<number> {
  check(syscall("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "prctl");
  for await (const line of linesOf(input)) {
    const job = JSON.parse(line) as LayerJob | SyncJob; // our own parent wrote it
    answer(`${JSON.stringify(await outcomeOf(job))}\n`);
  }
  return 0;
}

type Outcome = { readonly applied: AppliedLayer } | { readonly synced: true } | { readonly failure: Failure };

async function outcomeOf(job: LayerJob | SyncJob): Promise<Outcome> {
  try {
    if ("sync" in job) {
      syncToDisk([job.sync], Number.POSITIVE_INFINITY);
      return { synced: true };
    }
    const applied = await unpackHere(job);
    if (job.isSynced) syncToDisk([job.target], applied.entries);
    return { applied };
  } catch (error) {
    const { code, kind } = isTeuError(error) ? error : ({ code: "unpack-failed", kind: "internal" } as const);
    return { failure: { code, kind, message: messageOf(error) } };
  }
}

/** What comes before each newline. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

function parseAnswer(text: string): Outcome | undefined {
  try {
    return JSON.parse(text) as Outcome; // runWorker wrote it
  } catch {
    return undefined; // it was killed before it could
  }
}
