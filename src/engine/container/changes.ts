/** `teu diff`: what a container has written, by its writable layer alone. Source: docker diff reference; overlayfs.rst, whiteouts. */
import { closeSync, constants } from "node:fs";
import { type ByteString, decodeName } from "../../image/index.ts";
import { check, layerFiles } from "../../sys/index.ts";
import { filesDirectory } from "../snapshot/directories.ts";
import { openStack } from "../snapshot/open-stack.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { snapshotChain } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";

/** One path that is not as the image has it. */
export interface Change {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: string;
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const TYPE = 0o170000;
const IS_DIRECTORY = 0o040000;
const IS_CHARACTER = 0o020000;

/** What is made for mounts that every container has. Docker does not tell of it either. */
const MOUNT_POINTS: ReadonlySet<string> = new Set([
  "/dev",
  "/proc",
  "/sys",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
]);
const HOLDERS: ReadonlySet<string> = new Set(["/etc"]);

/** Whether `name` in `directory`, which is at `path`, is an empty file or directory for a mount of ours. */
function isOurs(
  path: string,
  directory: number,
  name: ByteString,
  mode: number,
  files: ReturnType<typeof layerFiles<ByteString>>,
): boolean {
  if (!MOUNT_POINTS.has(path)) return false;
  if ((mode & TYPE) !== IS_DIRECTORY) return true;
  const inner = files.open(directory, name, DIRECTORY, 0);
  if (inner < 0) return false;
  try {
    const names = files.list(inner);
    return typeof names !== "number" && names.length === 0;
  } finally {
    closeSync(inner);
  }
}

/** The changes, by path. */
export function changesOf(store: Store, container: ContainerRecord): Change[] {
  if (container.snapshot === null) return [];
  const [active, top] = snapshotChain(store.database, container.snapshot);
  if (active === undefined) return [];
  const files = layerFiles<ByteString>();
  using lower = openStack(store, top, "diff");
  const upper = check(files.openDirectory(filesDirectory(store, active)), "open", "writable layer");
  try {
    return [...walk(upper, lower.descriptor, "")];
  } finally {
    closeSync(upper);
  }
}

/** @param lower  The same directory of the image; -1: it has none there. */
function* walk(upper: number, lower: number, path: string): Generator<Change> {
  const files = layerFiles<ByteString>();
  const names = files.list(upper);
  if (typeof names === "number") {
    check(names, "list", path);
    return;
  }
  for (const name of names.sort()) {
    const at = `${path}/${decodeName(name)}`;
    const status = files.status(upper, name);
    if (typeof status === "number") continue; // it has just gone: the container runs
    const type = status.mode & TYPE;
    if (type === IS_CHARACTER && status.major === 0 && status.minor === 0) {
      yield { kind: "deleted", path: at };
      continue;
    }
    if (isOurs(at, upper, name, status.mode, files)) continue;
    const isBelow = lower >= 0 && typeof files.status(lower, name) !== "number";
    const change = { kind: isBelow ? ("changed" as const) : ("added" as const), path: at };
    if (type !== IS_DIRECTORY) {
      yield change;
      continue;
    }
    const inner = files.open(upper, name, DIRECTORY, 0);
    if (inner < 0) continue; // as above
    const innerLower = isBelow ? files.open(lower, name, DIRECTORY, 0) : -1;
    try {
      const below = [...walk(inner, innerLower, at)];
      // It is there for what is mounted in it alone.
      if (below.length > 0 || !HOLDERS.has(at) || !isBelow) yield change;
      yield* below;
    } finally {
      closeSync(inner);
      if (innerLower >= 0) closeSync(innerLower);
    }
  }
}
