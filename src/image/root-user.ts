/**
 * Users and groups of a root file system, by its own /etc/passwd and /etc/group. Both files come from the image: they
 * are read in-root by descriptor, only if they are regular, never further than a bound (CVE-2024-9676: a link to /dev/zero).
 * Source: image-spec config.md, User; passwd(5), group(5).
 */
import { closeSync, constants, readSync } from "node:fs";
import { TeuError } from "../base/index.ts";
import { byteString } from "./byte-string.ts";
import { check, checked } from "./errors.ts";
import { fileTypes, type LayerFiles } from "./layer-files.ts";

/** A user as a process has it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** From passwd; undefined for a user who is not in it. */
  readonly home: string | undefined;
}

/** Reads files of a root file system as text; undefined where there is no such regular file. */
export type RootFileReader = (path: "/etc/passwd" | "/etc/group") => string | undefined;

/** The user or the group is in no file of the image, or is a number that no process can have. */
export class UnknownUser extends TeuError<"unknown-user", { user: string; why: string }> {
  constructor(context: { user: string; why: string }) {
    super(
      "unknown-user",
      "invalid",
      context,
      `Cannot run as user ${JSON.stringify(context.user)}: ${context.why}`,
    );
  }
}

/** Larger ones exist nowhere, and each line costs time. */
const MAX_FILE_BYTES = 4 << 20;
/** As docker and runc: larger ones wrap in some kernel interfaces (CVE-2024-40635). */
const MAX_ID = 2 ** 31 - 1;
const MAX_GROUPS = 65_536;
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** Of Linux, whatever machine. Source: errno(3). */
const [ENOENT, ENXIO, EACCES, ENOTDIR, ELOOP] = [2, 6, 13, 20, 40];

/** A reader for the root file system in directory `root`. */
export function rootFileReader(files: LayerFiles, root: string): RootFileReader {
  return (path) => {
    const directory = check(files.openDirectory(root), "open", root);
    try {
      const descriptor = files.openInRoot(directory, byteString(path), FLAGS);
      if ([-ENOENT, -ENOTDIR, -ELOOP, -ENXIO, -EACCES].includes(descriptor)) return undefined;
      check(descriptor, "open", path);
      try {
        const { mode } = checked(files.status(descriptor, byteString("")), "look at", path);
        return (mode & fileTypes.mask) === fileTypes.regular ? readCapped(descriptor) : undefined;
      } finally {
        closeSync(descriptor);
      }
    } finally {
      closeSync(directory);
    }
  };
}

function readCapped(descriptor: number): string {
  const bytes = Buffer.alloc(MAX_FILE_BYTES);
  let length = 0;
  for (let more = -1; more !== 0 && length < bytes.length; length += more)
    more = readSync(descriptor, bytes, length, bytes.length - length, null);
  return bytes.toString("utf8", 0, length);
}

/**
 * Resolves `user` as the image's config or a person writes it: `name`, `uid`, `name:group`, `uid:gid`, empty for root.
 * Without a group the user's own and additional groups apply. @throws {UnknownUser}
 */
export function resolveUser(user: string, read: RootFileReader): ResolvedUser {
  const [userPart = "", groupPart, ...more] = user.split(":");
  const unknown = (why: string): UnknownUser => new UnknownUser({ user, why });
  if (more.length > 0) throw unknown("it has more than a user and a group");
  const wanted = userPart === "" ? "0" : userPart;
  const id = numericID(wanted, unknown);
  const known = passwdEntries(read("/etc/passwd")).find((entry) => entry.name === wanted || entry.uid === id);
  if (known === undefined && id === undefined) throw unknown("the image's /etc/passwd has no such user");
  const uid = known?.uid ?? id ?? 0;
  const home = known?.home;
  if (groupPart !== undefined && groupPart !== "")
    return { uid, gid: resolveGroup(groupPart, read, unknown), additionalGids: [], home };
  const additionalGids = known === undefined ? [] : groupsOf(known.name, read("/etc/group"));
  return { uid, gid: known?.gid ?? 0, additionalGids, home };
}

function resolveGroup(group: string, read: RootFileReader, unknown: (why: string) => UnknownUser): number {
  const id = numericID(group, unknown);
  const known = groupEntries(read("/etc/group")).find((entry) => entry.name === group || entry.gid === id);
  const gid = known?.gid ?? id;
  if (gid === undefined) throw unknown("the image's /etc/group has no such group");
  return gid;
}

function groupsOf(name: string, text: string | undefined): number[] {
  const gids = groupEntries(text).filter(({ members }) => members.includes(name));
  return [...new Set(gids.map(({ gid }) => gid))].slice(0, MAX_GROUPS);
}

/** The number that `text` is; undefined for a name. @throws a number that no process can have */
function numericID(text: string, unknown: (why: string) => UnknownUser): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(id <= MAX_ID)) throw unknown(`${text} is not between 0 and ${MAX_ID}`);
  return id;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string | undefined;
}

/** Lines that are malformed, or hold ids that no process can have, are passed over, as libc does. */
function passwdEntries(text: string | undefined): PasswdEntry[] {
  return records(text).flatMap(([name = "", , uid = "", gid = "", , home]) => {
    const isRight = name !== "" && isID(uid) && isID(gid);
    return isRight ? [{ name, uid: Number(uid), gid: Number(gid), home: safeHome(home) }] : [];
  });
}

function groupEntries(text: string | undefined): { name: string; gid: number; members: string[] }[] {
  return records(text).flatMap(([name = "", , gid = "", members = ""]) =>
    name !== "" && isID(gid) ? [{ name, gid: Number(gid), members: members.split(",") }] : [],
  );
}

function records(text: string | undefined): string[][] {
  return (text ?? "").split("\n").map((line) => line.replace(/\r$/, "").split(":"));
}

function isID(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_ID;
}

/** A home becomes part of an environment: what is no absolute path, or holds control characters, is none. */
function safeHome(home: string | undefined): string | undefined {
  return home !== undefined && /^\/[^\x00-\x1f\x7f]*$/.test(home) ? home : undefined;
}
