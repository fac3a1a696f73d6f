/**
 * Hashes a registry's large uploads in one thread, begun with the first. It reads them from their files, which are in the kernel's memory: so nothing
 * is kept for it however far behind it is, and the event loop, which would spend two fifths of its time on hashes, needs so little of a processor that
 * the kernel gives it one when a request comes. On a busy machine that is what others wait for.
 */
import type { FileHash, FileHasher, SupportedAlgorithm } from "../../../content/index.ts";
import type { Answer, Hashed, Question } from "./hash-messages.ts";

/** See the file's head. */
export class HashThread implements FileHasher, Disposable {
  #thread: Worker | undefined;
  /** Who waits for an answer about each file. */
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #open = new Set<FileHash>();
  #files = 0;
  #isOpen = true;

  begin(descriptor: number, algorithm: SupportedAlgorithm): FileHash {
    this.#files += 1;
    const file = this.#files;
    const hashed = (size: number): Hashed => ({ file, descriptor, algorithm, size });
    let last: Promise<unknown> = Promise.resolve();
    let ended: Promise<void> | undefined;
    const ask = (question: Question): Promise<Answer> => {
      // One after the other.
      const asked = last.then(() => this.#ask(question));
      last = asked.catch(() => undefined); // whoever asked hears of it
      return asked;
    };
    const end = async (): Promise<void> => {
      await ask({ kind: "end", file }).catch(() => undefined); // there is no thread any more that could read it
      this.#open.delete(hash);
    };
    const hash: FileHash = {
      advance: (size) => this.#tell({ kind: "advance", ...hashed(size) }),
      digest: async (size) => {
        const { digest, failure } = await ask({ kind: "digest", ...hashed(size) });
        if (digest === undefined) throw new Error(`Cannot hash an upload: ${failure}`);
        return digest;
      },
      end: () => {
        ended ??= end();
        return ended;
      },
    };
    this.#open.add(hash);
    return hash;
  }

  /** Waits until nothing is read any more: no hash is asked for after this. */
  async idle(): Promise<void> {
    await Promise.all([...this.#open].map((hash) => hash.end()));
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#thread?.terminate();
    this.#thread = undefined;
  }

  async #ask(question: Question): Promise<Answer> {
    const asked = Promise.withResolvers<Answer>();
    this.#waiting.set(question.file, asked);
    this.#tell(question);
    return await asked.promise;
  }

  #tell(question: Question): void {
    if (!this.#isOpen) throw new Error("Cannot hash an upload: the registry has ended");
    this.#thread ??= this.#start();
    this.#thread.postMessage(question);
  }

  #start(): Worker {
    const thread = new Worker(workerURL(), { smol: true, ref: false });
    thread.onmessage = ({ data }: MessageEvent<Answer>) => {
      const asked = this.#waiting.get(data.file);
      this.#waiting.delete(data.file);
      asked?.resolve(data);
    };
    thread.onerror = ({ message }) => {
      // The next question begins another, which reads its file from the beginning.
      this.#thread = undefined;
      const failure = new Error(`Cannot hash an upload: its thread ended: ${message}`);
      for (const asked of this.#waiting.values()) asked.reject(failure);
      this.#waiting.clear();
    };
    return thread;
  }
}

/** In the built program it is an entry of its own, named by its path below src: see scripts/build.ts. */
function workerURL(): string {
  return import.meta.path.startsWith("/$bunfs/")
    ? "/$bunfs/root/distribution/registry/storage/hash-worker.js"
    : new URL("./hash-worker.ts", import.meta.url).href;
}
