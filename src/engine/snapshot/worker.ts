/**
 * Unpacking one layer in a process of its own: two layers in two processes take half the time, in two threads they do not
 * (one table of descriptors, one address space). The job and its outcome are JSON; nothing else passes between the two.
 */
import { type ErrorKind, isTeuError, messageOf, TeuError } from "../../base/index.ts";
import { blobChunks, openBlobFile } from "../../content/index.ts";
import { type AppliedLayer, applyLayer, type ByteString } from "../../image/index.ts";
import type { DiffID, Digest } from "../../spec/index.ts";
import { check, layerFiles, syscall } from "../../sys/index.ts";
import { selfCommand } from "../self.ts";

/** One layer to be unpacked. */
export interface LayerJob {
  /** The blob's file. */
  readonly blob: string;
  readonly digest: Digest;
  /** An empty directory. */
  readonly target: string;
  readonly diffID: DiffID;
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

/** Unpacks a layer in this process. The caller sees to it that it is on disk before anything refers to it. */
export async function unpackHere(job: LayerJob, signal?: AbortSignal): Promise<AppliedLayer> {
  const options = {
    files: layerFiles<ByteString>(),
    mode: "overlay",
    diffID: job.diffID,
    sync: false,
  } as const;
  return await applyLayer(blobChunks(openBlobFile(job.blob, job.digest)), job.target, options, signal);
}

/** Unpacks a layer in a process of its own, which ends when `signal` says so or this process dies. */
export async function unpackElsewhere(job: LayerJob, signal?: AbortSignal): Promise<AppliedLayer> {
  const child = Bun.spawn([...selfCommand(), WORKER_WORD], {
    stdin: new TextEncoder().encode(JSON.stringify(job)),
    stdout: "pipe",
    stderr: "inherit",
    env: UNPACK_ENVIRONMENT,
    cwd: "/",
    ...(signal === undefined ? {} : { signal, killSignal: "SIGKILL" }),
  });
  const [answer, status] = await Promise.all([child.stdout.text(), child.exited]);
  signal?.throwIfAborted();
  const outcome = parseAnswer(answer);
  if (outcome === undefined)
    throw new TeuError(
      "unpack-died",
      "internal",
      { status },
      `Cannot unpack ${job.diffID}: its process ended with status ${status}`,
    );
  if ("failure" in outcome) {
    const { code, kind, message } = outcome.failure;
    throw new TeuError(code, kind, { diffID: job.diffID }, message);
  }
  return outcome.applied;
}

/** The process's side: the job on stdin, the answer on stdout. @returns the exit status */
export async function runWorker(
  input: ReadableStream<Uint8Array>,
  answer: (text: string) => void,
): Promise<number> {
  check(syscall("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "prctl");
  const job = JSON.parse(await new Response(input).text()) as LayerJob; // our own parent wrote it
  try {
    answer(JSON.stringify({ applied: await unpackHere(job) }));
    return 0;
  } catch (error) {
    const { code, kind } = isTeuError(error) ? error : ({ code: "unpack-failed", kind: "internal" } as const);
    answer(JSON.stringify({ failure: { code, kind, message: messageOf(error) } satisfies Failure }));
    return 1;
  }
}

function parseAnswer(text: string): { applied: AppliedLayer } | { failure: Failure } | undefined {
  try {
    return JSON.parse(text) as { applied: AppliedLayer } | { failure: Failure }; // runWorker wrote it
  } catch {
    return undefined; // it was killed before it could
  }
}
