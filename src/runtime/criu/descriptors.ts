/**
 * The standard streams of a container, by the names that the kernel gives them: `pipe:[4711]`. A pipe that leads outside
 * cannot be saved; on restore the one of its name is replaced by a new one.
 */
import { TeuError } from "../../base/index.ts";
import { readLinkIfAnySync, readTextSync } from "../../sys/index.ts";
import type { SavedState } from "../state.ts";
import type { CriuOptions } from "./messages.ts";

/** descriptors.json beside the images is missing or is not a list of names. */
export class NoCheckpoint extends TeuError<"no-checkpoint", { path: string; why: string }> {
  constructor(context: { path: string; why: string }, cause?: unknown) {
    super("no-checkpoint", "not-found", context, `Cannot restore from ${context.path}: ${context.why}`, {
      cause,
    });
  }
}

const STREAMS = [0, 1, 2];

/** As they were at create; of a container that an older teu made, as they are now. */
export function savedDescriptors({
  pid,
  descriptors,
}: Pick<SavedState, "pid" | "descriptors">): readonly string[] {
  return descriptors ?? STREAMS.map((number) => readLinkIfAnySync(`/proc/${pid}/fd/${number}`) ?? "");
}

/** Which of criu's own standard streams stand in for the pipes of the container. @throws {NoCheckpoint} */
export function inheritedPipes(imagePath: string, file: string): NonNullable<CriuOptions["inherit_fd"]> {
  return readNames(imagePath, file).flatMap((name, fd) =>
    /^pipe:\[\d+\]$/.test(name) ? [{ key: name, fd }] : [],
  );
}

function readNames(imagePath: string, file: string): string[] {
  let names: unknown;
  try {
    names = JSON.parse(readTextSync(`${imagePath}/${file}`));
  } catch (error) {
    const why =
      error instanceof SyntaxError ? `${file} is not JSON` : `it has no ${file}, as a checkpoint has`;
    throw new NoCheckpoint({ path: imagePath, why }, error);
  }
  if (isNames(names)) return names;
  throw new NoCheckpoint({ path: imagePath, why: `${file} is not a list of at most three names` });
}

function isNames(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length <= STREAMS.length && value.every((name) => typeof name === "string")
  );
}
