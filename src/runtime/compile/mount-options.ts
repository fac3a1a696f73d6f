/**
 * Mount options by word: one line for each. A word that is not here is the file system's own.
 * Source: runtime-spec config.md, Linux mount options; mount_setattr(2).
 */
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "./constants.ts";

/** Word: [attribute bits, set or clear]. With an `r` before it, the word is meant for the whole tree. */
const ATTRIBUTES: ReadonlyMap<string, readonly [number, "set" | "clear" | "atime"]> = new Map([
  ["ro", [MOUNT_ATTR_RDONLY, "set"]],
  ["rw", [MOUNT_ATTR_RDONLY, "clear"]],
  ["nosuid", [MOUNT_ATTR_NOSUID, "set"]],
  ["suid", [MOUNT_ATTR_NOSUID, "clear"]],
  ["nodev", [MOUNT_ATTR_NODEV, "set"]],
  ["dev", [MOUNT_ATTR_NODEV, "clear"]],
  ["noexec", [MOUNT_ATTR_NOEXEC, "set"]],
  ["exec", [MOUNT_ATTR_NOEXEC, "clear"]],
  ["nodiratime", [MOUNT_ATTR_NODIRATIME, "set"]],
  ["diratime", [MOUNT_ATTR_NODIRATIME, "clear"]],
  ["nosymfollow", [MOUNT_ATTR_NOSYMFOLLOW, "set"]],
  ["symfollow", [MOUNT_ATTR_NOSYMFOLLOW, "clear"]],
  ["relatime", [0, "atime"]],
  ["norelatime", [0, "atime"]],
  ["noatime", [MOUNT_ATTR_NOATIME, "atime"]],
  ["atime", [0, "atime"]],
  ["strictatime", [MOUNT_ATTR_STRICTATIME, "atime"]],
  ["nostrictatime", [0, "atime"]],
]);

const PROPAGATION: ReadonlyMap<string, number> = new Map([
  ["private", MS_PRIVATE],
  ["shared", MS_SHARED],
  ["slave", MS_SLAVE],
  ["unbindable", MS_UNBINDABLE],
]);

/** What a word says of propagation: `rshared` is `shared` for the whole tree. */
export function parsePropagation(word: string): { type: number; recursive: boolean } | undefined {
  const type = PROPAGATION.get(word);
  if (type !== undefined) return { type, recursive: false };
  const ofTree = word.startsWith("r") ? PROPAGATION.get(word.slice(1)) : undefined;
  return ofTree === undefined ? undefined : { type: ofTree, recursive: true };
}

/** The flag of mount(2) has no word of its own in fsconfig: file systems that can do either have this one. */
export const IVERSION = "i_version";

/** Words about the whole file system (superblock), by fsconfig's word; those that only unset a default say nothing. */
const SUPERBLOCK: ReadonlyMap<string, string | undefined> = new Map([
  ["acl", "posixacl"],
  ["noacl", undefined],
  ["sync", "sync"],
  ["async", undefined],
  ["dirsync", "dirsync"],
  ["lazytime", "lazytime"],
  ["nolazytime", undefined],
  ["mand", "mand"],
  ["nomand", undefined],
  ["iversion", IVERSION],
  ["noiversion", undefined],
  ["silent", undefined],
  ["loud", undefined],
  ["defaults", undefined],
]);

/** Words that say how the mount is made. */
const WAYS = ["bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap"] as const;

/** Every word that is understood, for `features`. */
export function knownMountOptions(): string[] {
  const recursive = (words: Iterable<string>): string[] => [...words].flatMap((word) => [word, `r${word}`]);
  return [
    ...recursive(ATTRIBUTES.keys()),
    ...recursive(PROPAGATION.keys()),
    ...SUPERBLOCK.keys(),
    ...WAYS,
  ].sort();
}

/** Attributes of one mount, or of a tree. */
export interface Attributes {
  set: number;
  clear: number;
}

/** The options of one mount, sorted by what they are about. */
export interface MountOptions {
  readonly bind: "no" | "bind" | "rbind";
  readonly attributes: Attributes;
  /** For the mount and all below it. */
  readonly recursive: Attributes;
  /** MS_* propagation, applied after the mount, in order. */
  readonly propagation: readonly { readonly type: number; readonly recursive: boolean }[];
  /** Changes what is mounted at the destination instead of mounting. */
  readonly remount: boolean;
  /** A tmpfs begins with what its destination held. */
  readonly tmpcopyup: boolean;
  readonly idmap: "no" | "idmap" | "ridmap";
  /** fsconfig's words for flags of the file system. */
  readonly flags: readonly string[];
  /** What only the file system knows. */
  readonly data: readonly (readonly [string, string | undefined])[];
}

/** Sorts the words of `options`. The last word about a thing wins, as in mount(8). */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let bind: MountOptions["bind"] = "no";
  let idmap: MountOptions["idmap"] = "no";
  const attributes: Attributes = { set: 0, clear: 0 };
  const recursive: Attributes = { set: 0, clear: 0 };
  const propagation: { type: number; recursive: boolean }[] = [];
  const flags: string[] = [];
  const data: [string, string | undefined][] = [];
  for (const word of options) {
    const bare = word.startsWith("r") ? word.slice(1) : undefined;
    const attribute = ATTRIBUTES.get(word);
    const treeAttribute = bare === undefined ? undefined : ATTRIBUTES.get(bare);
    const change = parsePropagation(word);
    if (word === "bind" || word === "rbind") bind = word;
    else if (word === "idmap" || word === "ridmap") idmap = word;
    else if (word === "remount" || word === "tmpcopyup") continue;
    else if (attribute !== undefined) apply(attributes, attribute);
    else if (treeAttribute !== undefined) apply(recursive, treeAttribute);
    else if (change !== undefined) propagation.push(change);
    else if (SUPERBLOCK.has(word)) {
      const flag = SUPERBLOCK.get(word);
      if (flag !== undefined) flags.push(flag);
    } else {
      const equals = word.indexOf("=");
      data.push(equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)]);
    }
  }
  const [remount, tmpcopyup] = [options.includes("remount"), options.includes("tmpcopyup")];
  return { bind, remount, tmpcopyup, idmap, attributes, recursive, propagation, flags, data };
}

function apply(to: Attributes, [bits, how]: readonly [number, "set" | "clear" | "atime"]): void {
  // The access time modes are one field: a new one needs the old one cleared (mount_setattr(2)).
  const cleared = how === "atime" ? MOUNT_ATTR__ATIME : bits;
  to.set = (to.set & ~cleared) | (how === "clear" ? 0 : bits);
  to.clear = how === "set" ? to.clear & ~bits : to.clear | cleared;
}
