/**
 * tmpcopyup: a tmpfs begins with what the directory held that it covers. The parent walks the directory and sends the
 * copying as segments, so that it is init who reads and writes: with the container's own rights, and charged to its
 * memory. What is read is opened below the directory without a link on the way and without waiting for anybody.
 * Source: runc docs, tmpcopyup; openat2(2), sendfile(2).
 */
import { resolvePath, splitPath } from "../../base/index.ts";
import { answered, PlanBuilder } from "../plan/builder.ts";
import type { DataRef, Plan, Register } from "../plan/plan.ts";
import {
  ALL,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from "./constants.ts";
import { COPIED, close, PROGRESS, T1, T2, T3 } from "./context.ts";
import { isProcOrSys, openDestination, openHow } from "./destination.ts";

/** One thing to be copied. Ids are the container's; undefined: not mapped there, and then it is the container's root's. */
export interface CopyEntry {
  /** Below the directory; a byte for each character, as are all names here. */
  readonly path: string;
  /** As in st_mode, type and permissions. */
  readonly mode: number;
  readonly kind: "directory" | "file" | "link" | "node";
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Nanoseconds. */
  readonly modified: bigint;
  /** Of a link. */
  readonly target?: string;
  /** Of a node. */
  readonly device?: number;
  readonly xattrs: readonly (readonly [string, Uint8Array])[];
}

/** How many parts a copy may have: init takes no more than 64 segments in all. */
const MAX_PARTS = 40;
/** 2 GiB, the most that sendfile moves at once. */
const CHUNK = 0x7fff_f000;
const SYNC_FUEL = 4;

/** Copies what is at `destination` into the detached tmpfs in T1. */
export function compileCopyUp(plan: PlanBuilder, destination: string, tmpfs: Register): void {
  if (tmpfs !== T1) throw new RangeError("The segments copy into T1");
  openDestination(plan, destination, "directory", COPIED, { strict: isProcOrSys(destination) });
  plan.move(PROGRESS, 0);
  const again = plan.label();
  plan.place(again);
  plan.sync("copy-up", { values: [PROGRESS], descriptors: [COPIED] });
  plan.host({ kind: "copy-up", destination });
  plan.move(PROGRESS, answered(0));
  plan.addFuel(MAX_PARTS);
  plan.jump(again, PROGRESS, ALL, "!=", 0n);
  close(plan, COPIED);
}

/** The segment that copies `entries`: a directory twice, first to be there, last to get its owner, mode and time. */
export function compileCopies(
  destination: string,
  entries: readonly { readonly entry: CopyEntry; readonly moment: "make" | "finish" }[],
): Plan {
  const plan = new PlanBuilder();
  for (const { entry, moment } of entries) {
    plan.section(resolvePath(destination, entry.path), "config.md, Mounts, tmpcopyup");
    if (moment === "finish") finishDirectory(plan, entry);
    else make(plan, entry);
  }
  return plan.finish();
}

function make(plan: PlanBuilder, entry: CopyEntry): void {
  const { path, kind, mode, target = "", device = 0 } = entry;
  const split = splitPath(path);
  const name = bytesOf(plan, split.name);
  openBelow(plan, T1, split.directory, O_PATH | O_DIRECTORY, T2);
  if (kind === "file") copyFile(plan, entry);
  else {
    if (kind === "directory") plan.call("mkdirat", [T2, name, 0o700]);
    else if (kind === "link") plan.call("symlinkat", [bytesOf(plan, target), T2, name]);
    else plan.call("mknodat", [T2, name, mode, device]);
    if (kind !== "directory") {
      const { uid = -1, gid = -1 } = entry;
      if (uid !== -1 || gid !== -1) plan.call("fchownat", [T2, name, uid, gid, AT_SYMLINK_NOFOLLOW]);
      plan.call("utimensat", [T2, name, times(plan, entry), AT_SYMLINK_NOFOLLOW]);
    }
  }
  close(plan, T2);
}

/** T2 is the directory that it comes into, and becomes the copy. */
function copyFile(plan: PlanBuilder, entry: CopyEntry): void {
  const { path } = entry;
  const again = plan.label();
  openBelow(plan, COPIED, path, O_NONBLOCK | O_NOFOLLOW, T3);
  close(plan, T2);
  openBelow(plan, T1, path, O_WRONLY | O_CREAT | O_EXCL, T2, 0o600);
  plan.place(again);
  plan.call("sendfile", [T2, T3, 0, CHUNK], { result: PROGRESS });
  plan.addFuel(SYNC_FUEL);
  plan.jump(again, PROGRESS, ALL, "!=", 0n);
  close(plan, T3);
  finish(plan, entry);
}

function finishDirectory(plan: PlanBuilder, entry: CopyEntry): void {
  openBelow(plan, T1, entry.path, O_DIRECTORY, T2);
  finish(plan, entry);
  close(plan, T2);
}

/** The owner first: a change of owner takes set-user-ID and capabilities away. */
function finish(plan: PlanBuilder, entry: CopyEntry): void {
  const { uid = -1, gid = -1 } = entry;
  if (uid !== -1 || gid !== -1) plan.call("fchown", [T2, uid, gid]);
  for (const [name, value] of entry.xattrs)
    plan.call("fsetxattr", [T2, bytesOf(plan, name), plan.bytes(value), value.length, 0], {
      // What a tmpfs cannot hold, or the container's root may not set, it does without.
      on: { EOPNOTSUPP: "next", EPERM: "next" },
    });
  plan.call("fchmod", [T2, entry.mode & 0o7777]);
  plan.call("utimensat", [T2, 0, times(plan, entry), 0]);
}

function times(plan: PlanBuilder, { modified }: CopyEntry): ReturnType<PlanBuilder["words"]> {
  const [seconds, rest] = [modified / 1_000_000_000n, modified % 1_000_000_000n];
  return plan.words([seconds, rest, seconds, rest], "{atime, mtime}");
}

function openBelow(
  plan: PlanBuilder,
  base: Register,
  path: string,
  flags: number,
  into: Register,
  mode = 0,
): void {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const how = openHow(plan, flags | O_CLOEXEC, resolve, mode);
  plan.call("openat2", [base, bytesOf(plan, path), how, 24], { result: into });
}

function bytesOf(plan: PlanBuilder, name: string): DataRef {
  return plan.bytes(Buffer.from(`${name}\0`, "latin1"), JSON.stringify(name));
}
