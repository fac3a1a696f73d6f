/**
 * The ids of a plain user's namespaces: the user is root there, and what /etc/subuid and /etc/subgid give them is everybody else.
 * Source: subuid(5), subgid(5), user_namespaces(7).
 */
import { existsSync, readFileSync } from "node:fs";
import { TeuError } from "../../base/index.ts";
import type { IDMaps } from "../../runtime/index.ts";
import type { IDMapping } from "../../spec/index.ts";

/** Who asks. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Absent: the user has none. */
  readonly name?: string;
}

/** The user has ranges of ids, and the programs that put them into force are not there. */
export class NoMapPrograms extends TeuError<"no-map-programs", { program: string }> {
  constructor(context: { program: string }) {
    super(
      "no-map-programs",
      "failed-precondition",
      context,
      `Cannot give the user's namespace the ids of /etc/subuid: there is no program ${context.program} on this machine`,
      {
        hint: "Install it: Debian, Ubuntu, Alpine and Arch have it in uidmap or shadow, Fedora in shadow-utils",
      },
    );
  }
}

/** The maps of `user`, and what is missing for more than the one id. @throws {NoMapPrograms} */
export function idMapsOf(user: User): IDMaps & { readonly missing?: string } {
  const uids = rangesIn(readIfAny("/etc/subuid"), user);
  const gids = rangesIn(readIfAny("/etc/subgid"), user);
  const own = { uids: [{ containerID: 0, hostID: user.uid, size: 1 }] };
  const ownGroup = { gids: [{ containerID: 0, hostID: user.gid, size: 1 }] };
  const lacking = [
    ...(uids.length === 0 ? ["/etc/subuid"] : []),
    ...(gids.length === 0 ? ["/etc/subgid"] : []),
  ];
  if (lacking.length > 0) return { ...own, ...ownGroup, missing: missingLine(user, lacking) };
  for (const program of ["newuidmap", "newgidmap"])
    if (Bun.which(program) === null) throw new NoMapPrograms({ program });
  return { uids: [...own.uids, ...inARow(uids)], gids: [...ownGroup.gids, ...inARow(gids)] };
}

/** The user that this process runs as. */
export function thisUser(): User {
  const uid = process.geteuid?.() ?? 0;
  const line = readIfAny("/etc/passwd")
    .split("\n")
    .map((text) => text.split(":"))
    .find((fields) => fields[2] === `${uid}`);
  const [name] = line ?? [];
  return { uid, gid: process.getegid?.() ?? 0, ...(name && { name }) };
}

export interface Range {
  readonly first: number;
  readonly size: number;
}

/** The ranges of `user` in a file of lines `name-or-uid:first:count`. */
export function rangesIn(text: string, { name, uid }: Partial<User>): Range[] {
  const ranges: Range[] = [];
  const names = [...(uid === undefined ? [] : [`${uid}`]), ...(name === undefined ? [] : [name])];
  for (const line of text.split("\n")) {
    const [whose = "", first = "", size = ""] = line.trim().split(":");
    if (!names.includes(whose)) continue;
    if (/^\d+$/.test(first) && /^\d+$/.test(size) && Number(size) > 0)
      ranges.push({ first: Number(first), size: Number(size) });
  }
  return ranges;
}

/** From 1 on, without gaps: 0 is the user. */
function inARow(ranges: readonly Range[]): IDMapping[] {
  let containerID = 1;
  return ranges.map(({ first, size }) => {
    const mapping = { containerID, hostID: first, size };
    containerID += size;
    return mapping;
  });
}

function missingLine({ name, uid }: User, files: readonly string[]): string {
  const option = files.map((file) => (file === "/etc/subuid" ? "--add-subuids" : "--add-subgids"));
  const words = option.map((word) => `${word} 100000-165535`).join(" ");
  const whose = name ?? `${uid}`;
  const lines = `a line ${JSON.stringify(`${whose}:100000:65536`)} is missing in ${files.join(" and ")}`;
  return name === undefined ? lines : `${lines} (usermod ${words} ${name})`;
}

function readIfAny(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
