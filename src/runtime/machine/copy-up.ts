/**
 * The parent's half of tmpcopyup: walks the directory that a tmpfs covers and says what has to be copied. It reads names,
 * modes and attributes only, below open directories; links are not followed and other mounts not entered.
 */
import { TeuError } from "../../base/index.ts";
import { check, layerFiles, O, syscall } from "../../sys/index.ts";
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../compile/constants.ts";
import { type CopyEntry, compileCopies } from "../compile/copy-up.ts";
import type { Plan } from "../plan/plan.ts";
import { readIDMap } from "./id-maps.ts";

const MAX_ENTRIES = 20_000;
const MAX_DEPTH = 100;
/** What one segment copies: well below the limits of init.c, 16,384 records and 16 MiB of data. */
const ENTRIES_AT_ONCE = 1000;
const ATTRIBUTE_BYTES_AT_ONCE = 4 << 20;

/** What a tmpfs should copy is not something to copy into memory. */
export class TooMuchToCopy extends TeuError<"too-much-to-copy", { destination: string }> {
  constructor(destination: string) {
    super(
      "too-much-to-copy",
      "exhausted",
      { destination },
      `Cannot copy ${destination} into its tmpfs: it holds more than ${MAX_ENTRIES} files, or lies more than ${MAX_DEPTH} directories deep`,
    );
  }
}

/**
 * The segment that copies what comes after the first `done` pieces of `directory`, and how many are done then; 0: all.
 * @param pid  Whose user namespace the copies are made in.
 */
export function copyUp(
  directory: number,
  destination: string,
  done: number,
  pid: number,
): { values: readonly number[]; segment: Plan } {
  const pieces = piecesOf(directory, destination, pid);
  let [end, bytes] = [done, 0];
  while (end < pieces.length && end - done < ENTRIES_AT_ONCE && bytes < ATTRIBUTE_BYTES_AT_ONCE) {
    for (const [, value] of pieces[end]?.entry.xattrs ?? []) bytes += value.length;
    end++;
  }
  return {
    values: [end === pieces.length ? 0 : end],
    segment: compileCopies(destination, pieces.slice(done, end)),
  };
}

interface Piece {
  readonly entry: CopyEntry;
  readonly moment: "make" | "finish";
}

/** Every directory before what is in it, and once more after all. */
function piecesOf(directory: number, destination: string, pid: number): Piece[] {
  const entries = walk(directory, destination, {
    uid: readIDMap(pid, "uid_map"),
    gid: readIDMap(pid, "gid_map"),
  });
  const directories = entries.filter(({ kind }) => kind === "directory").toReversed();
  return [
    ...entries.map((entry) => ({ entry, moment: "make" as const })),
    ...directories.map((entry) => ({ entry, moment: "finish" as const })),
  ];
}

type ToContainer = (id: number) => number | undefined;

function walk(root: number, destination: string, ids: { uid: ToContainer; gid: ToContainer }): CopyEntry[] {
  const files = layerFiles<string>();
  const entries: CopyEntry[] = [];
  const flags = O.DIRECTORY | O.NONBLOCK;
  visit(check(files.openInRoot(root, "", flags), "openat2", destination), "", 0);
  return entries;

  /** Closes `directory`. */
  function visit(directory: number, path: string, depth: number): void {
    try {
      const device = deviceOf(directory);
      for (const name of answer(files.list(directory), path).sort()) {
        if (entries.length === MAX_ENTRIES || depth === MAX_DEPTH) throw new TooMuchToCopy(destination);
        const below = path === "" ? name : `${path}/${name}`;
        const entry = look(directory, name, below);
        entries.push(entry);
        if (entry.kind !== "directory") continue;
        const child = check(files.open(directory, name, flags, 0), "openat", below);
        if (deviceOf(child) === device) visit(child, below, depth + 1);
        else syscall("close", child);
      }
    } finally {
      syscall("close", directory);
    }
  }

  function deviceOf(directory: number): string {
    return answer(files.status(directory, ""), destination).identity.replace(/:\d+$/, "");
  }

  function look(directory: number, name: string, path: string): CopyEntry {
    const { mode, uid, gid, time, major, minor } = answer(files.status(directory, name), path);
    const type = mode & S_IFMT;
    const kind =
      type === S_IFDIR ? "directory" : type === S_IFREG ? "file" : type === S_IFLNK ? "link" : "node";
    const hasAttributes = kind === "directory" || kind === "file";
    return {
      path,
      mode,
      kind,
      uid: ids.uid(uid),
      gid: ids.gid(gid),
      modified: BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds),
      ...(kind === "link" && { target: answer(files.readLink(directory, name), path) }),
      ...(kind === "node" && { device: (major << 8) | (minor & 0xff) | ((minor & ~0xff) << 12) }),
      xattrs: hasAttributes ? attributesOf(directory, name, path) : [],
    };
  }

  function attributesOf(directory: number, name: string, path: string): [string, Uint8Array][] {
    const keys = files.attributes(directory, name);
    if (typeof keys === "number") return []; // The file system has none.
    return keys.map((key) => [key, answer(files.attribute(directory, name, key), path)]);
  }
}

/** What a call gave. @throws {SystemCallFailed} It gave an errno. */
function answer<T>(result: T | number, path: string): T {
  if (typeof result !== "number") return result;
  check(result, "copying", path);
  throw new RangeError("A call answered a number that is no errno");
}
