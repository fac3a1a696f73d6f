/**
 * The thread that hashes uploads, from their files: it has the process's descriptors, and opens and closes none. It imports next to nothing, since all
 * that it loads is loaded a second time: with node:crypto it would need 3 MB more.
 */
import { readSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";
import type { Answer, Hashed, Question } from "./hash-messages.ts";

declare const self: Worker;

/** How far a file is hashed. */
interface Progress {
  readonly hash: Bun.CryptoHasher;
  size: number;
  failure?: string;
}

// Of this thread alone: whoever asks for something small goes first, and a blob that is hashed is also synced, which takes longer.
setPriority(
  Math.min(getPriority() + constants.priority.PRIORITY_BELOW_NORMAL, constants.priority.PRIORITY_LOW),
);

const bytes = Buffer.allocUnsafe(256 << 10);
const files = new Map<number, Progress>();

self.onmessage = ({ data: question }: MessageEvent<Question>): void => {
  const { file, kind } = question;
  const answer = (more: Omit<Answer, "file">): void => self.postMessage({ file, ...more } satisfies Answer);
  if (kind === "end") {
    files.delete(file);
    answer({});
    return;
  }
  const progress = advance(question);
  if (kind === "advance") return;
  const { failure, hash } = progress;
  answer(failure === undefined ? { digest: hash.copy().digest("hex") } : { failure });
};

function advance({ file, descriptor, algorithm, size }: Hashed): Progress {
  const progress: Progress = files.get(file) ?? { hash: new Bun.CryptoHasher(algorithm), size: 0 };
  files.set(file, progress);
  try {
    while (progress.failure === undefined && progress.size < size) {
      const wanted = Math.min(bytes.length, size - progress.size);
      const length = readSync(descriptor, bytes, 0, wanted, progress.size);
      if (length === 0) throw new Error("the file is shorter than what was written to it");
      progress.hash.update(bytes.subarray(0, length));
      progress.size += length;
    }
  } catch (error) {
    progress.failure = String(error);
  }
  return progress;
}
