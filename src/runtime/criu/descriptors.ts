/**
 * The standard streams of a container, by names that its images keep: `pipe:[4711]` as the kernel says, and, what runc does
 * not know, `file[1f:8a02]` for a file that no mount of the container's leads to, by mount and inode as CRIU writes them. What leads outside is not
 * saved; in the restore the new stream stands in for the one of its name.
 * Source: runc, descriptors.json; criu(8), --external, --inherit-fd.
 */
import { TeuError } from "../../base/index.ts";
import { readLinkIfAnySync, readTextIfAnySync, readTextSync, statSync } from "../../sys/index.ts";
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

const STREAMS = 3;
const PIPE = /^pipe:\[\d+\]$/;
const FILE = /^file\[[0-9a-f]+:[0-9a-f]+\]$/;

/** The streams as they were at create; none where the container has a terminal. */
export function savedStreams({ pid, descriptors = [] }: SavedState): readonly string[] {
  return descriptors.map((name, number) => fileName(pid, number, name) ?? name);
}

/** CRIU's name of what the container still has as it got it and cannot get to by itself; undefined for whatever else. */
function fileName(pid: number, number: number, name: string): string | undefined {
  const path = `/proc/${pid}/fd/${number}`;
  if (!name.startsWith("/") || readLinkIfAnySync(path) !== name) return undefined;
  const mount = /^mnt_id:\s*(\d+)$/m.exec(readTextIfAnySync(`/proc/${pid}/fdinfo/${number}`) ?? "")?.[1];
  if (mount === undefined || mountsOf(pid).has(mount)) return undefined;
  return `file[${Number(mount).toString(16)}:${statSync(path).inode.toString(16)}]`;
}

/** The numbers of all mounts in its mount namespace. */
function mountsOf(pid: number): Set<string | undefined> {
  const lines = readTextSync(`/proc/${pid}/mountinfo`).split("\n");
  return new Set(lines.map((line) => line.split(" ", 1)[0]));
}

/** For the dump: those that CRIU is not to look for inside. */
export function externalFiles(streams: readonly string[]): readonly string[] {
  return [...new Set(streams.filter((name) => FILE.test(name)))];
}

/** For the restore: which of criu's own standard streams stand in for those outside. @throws {NoCheckpoint} */
export function inheritedStreams(imagePath: string, file: string): NonNullable<CriuOptions["inherit_fd"]> {
  return readNames(imagePath, file).flatMap((name, fd) =>
    PIPE.test(name) || FILE.test(name) ? [{ key: name, fd }] : [],
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
  throw new NoCheckpoint({ path: imagePath, why: `${file} is not a list of at most ${STREAMS} names` });
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= STREAMS && value.every((name) => typeof name === "string");
}
