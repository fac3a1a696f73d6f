/**
 * Which ids on the machine the users of a new container have. Ranges of its own come from what /etc/subuid and /etc/subgid give to the
 * user `containers`, podman's name for them, and are a container's until its record goes: what it has written is named by them nowhere
 * but in running processes, so the next one may have them.
 * Source: podman-run(1), --userns; subuid(5), subgid(5).
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { TeuError, Unsupported } from "../../base/index.ts";
import type { IDMapping } from "../../spec/index.ts";
import { isInUserNamespace } from "../../sys/index.ts";
import { findContainer } from "../container/find.ts";
import type { Joins } from "../container/join.ts";
import { type Range, rangesIn } from "../home/ids.ts";
import { InvalidOption } from "../options/error.ts";
import type { UsersRequest } from "../options/users.ts";
import { type ContainerUsers, usersOfAll } from "../store/containers.ts";
import type { Store } from "../store/store.ts";

/** Whose ranges are given out. */
const POOL = "containers";
/** As many as images' files can be expected to need: `nobody` is 65534. */
const USUAL_SIZE = 65_536;
const FILES = { uids: "/etc/subuid", gids: "/etc/subgid" } as const;
type Kind = keyof typeof FILES;

/** A file gives no ids to the name. */
export class NoSubordinateIDs extends TeuError<"no-subordinate-ids", { file: string; name: string }> {
  constructor(context: { file: string; name: string }) {
    super(
      "no-subordinate-ids",
      "failed-precondition",
      context,
      `Cannot give the container users of its own: ${context.file} gives no ids to ${JSON.stringify(context.name)}`,
      {
        hint: `Add a line, also to ${context.file === FILES.uids ? FILES.gids : FILES.uids}, with ids that nobody has: ${context.name}:2147483648:1073741824`,
      },
    );
  }
}

/** Other containers have what there is. */
export class NoFreeIDs extends TeuError<
  "no-free-ids",
  { file: string; size: number; free: number; given: number }
> {
  constructor(context: { file: string; size: number; free: number; given: number }) {
    const { file, size, free, given } = context;
    super(
      "no-free-ids",
      "exhausted",
      context,
      `Cannot give the container ${size} ids of its own: of what ${file} gives to "${POOL}", others have ${given}, and the longest free row is ${free}`,
      { hint: `Give "${POOL}" more in ${file}; or ask for fewer: --userns auto:size=N` },
    );
  }
}

/** What of a request for a container says whose its users are. */
interface Asked {
  readonly users?: UsersRequest;
  readonly joins: Joins;
  readonly runtime?: string;
}

/**
 * How the users are chosen that a container is to have: in a transaction, in which it is recorded, so that nobody else chooses meanwhile.
 * The function that is returned throws {NoSubordinateIDs}, {NoFreeIDs}, {NoSuchContainer}, {InvalidOption}.
 * @throws {Unsupported}
 */
export function chooserOf(
  store: Store,
  { users, joins, runtime }: Asked,
): (() => ContainerUsers | undefined) | undefined {
  if (users === undefined) return undefined;
  const mode = users.kind === "auto" || users.kind === "container" ? users.kind : "private";
  if (isInUserNamespace())
    throw new Unsupported({
      what: `--userns ${mode} as a plain user`,
      why: "the kernel maps the ids of a file system only for who has mounted it; containers have this user's own ids in any case",
    });
  if (runtime !== undefined)
    throw new Unsupported({
      what: `--userns ${mode} with --runtime`,
      why: "it is built for teu's own runtime",
    });
  return () => {
    const chosen = choose(store, users);
    if (chosen !== undefined) refuseStrangers(store, users, joins);
    return chosen;
  };
}

/**
 * Namespaces belong to the users of who made them: root of others can mount nothing that shows them, and has no rights there. Docker joins
 * those users then, unasked; here they are asked for. @throws {InvalidOption}
 */
function refuseStrangers(store: Store, users: UsersRequest, { user: _, ...joins }: Joins): void {
  for (const [type, name] of Object.entries(joins)) {
    const other = findContainer(store, name).id;
    if (users.kind === "container" && findContainer(store, users.container).id === other) continue;
    throw new InvalidOption(
      { option: `--${type}`, value: `container:${name}` },
      `--${type} container:${name} wants its users too: --userns container:${name}`,
    );
  }
}

function choose(store: Store, request: UsersRequest): ContainerUsers | undefined {
  switch (request.kind) {
    case "auto":
      return {
        mode: "private",
        uids: ownRange(store, "uids", request),
        gids: ownRange(store, "gids", request),
      };
    case "maps":
      return { mode: "private", uids: request.uids, gids: request.gids };
    case "names":
      return {
        mode: "private",
        uids: inARow(rangesOf("uids", request.user)),
        gids: inARow(rangesOf("gids", request.group)),
      };
    case "container": {
      // One that has the host's users leads to the host's.
      const { users } = findContainer(store, request.container).settings;
      return users && { ...users, mode: "container" };
    }
    default:
      return request satisfies never;
  }
}

function ownRange(store: Store, kind: Kind, request: Extract<UsersRequest, { kind: "auto" }>): IDMapping[] {
  const { size = USUAL_SIZE } = request;
  const asked = request[kind];
  const others = usersOfAll(store.database).flatMap((users) => users[kind]);
  const known = [...others, ...asked].map(({ hostID, size }) => ({ first: hostID, size }));
  const taken = [...known, ...livingIDs(kind)];
  const ranges = rangesOf(kind, POOL);
  const first = firstFree(ranges, taken, size);
  if (typeof first === "object") throw new NoFreeIDs({ file: FILES[kind], size, ...first });
  return filled(first, size, asked);
}

/**
 * The ids of all who live in a user namespace now, whoever made it: other stores give out of the same row as this one, and so does podman, from its
 * beginning on. Source: user_namespaces(7).
 */
function livingIDs(kind: Kind): Range[] {
  const file = kind === "uids" ? "uid_map" : "gid_map";
  const seen = new Set([statSync("/proc/self/ns/user").ino]);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        statSync(`/proc/${pid}/ns/mnt`); // a dead one that its parent has not asked about has none
        const { ino } = statSync(`/proc/${pid}/ns/user`);
        if (seen.has(ino)) return [];
        seen.add(ino);
        return rangesOfMap(readFileSync(`/proc/${pid}/${file}`, "utf8"));
      } catch {
        return []; // it has just ended
      }
    });
}

function rangesOfMap(text: string): Range[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [, first = 0, size = 0] = line.trim().split(/\s+/).map(Number);
    return { first, size };
  });
}

/** Where `size` ids in a row are free; or how long the longest free row is, and how many of `ranges` are taken. */
export function firstFree(
  ranges: readonly Range[],
  taken: readonly Range[],
  size: number,
): number | { readonly free: number; readonly given: number } {
  let free = 0;
  let given = 0;
  const sorted = [...taken].sort((a, b) => a.first - b.first);
  for (const range of ranges) {
    const end = range.first + range.size;
    let at = range.first;
    for (const other of [...sorted, { first: end, size: 0 }]) {
      const gap = Math.min(other.first, end) - at;
      if (gap >= size) return at;
      free = Math.max(free, gap);
      const to = Math.min(other.first + other.size, end);
      given += Math.max(0, to - Math.max(other.first, at));
      at = Math.max(at, to);
    }
  }
  return { free, given };
}

/** What is asked for, and from 0 to `size` whatever that leaves out, each id at its own place in the range. */
export function filled(first: number, size: number, asked: readonly IDMapping[]): IDMapping[] {
  const maps: IDMapping[] = [];
  let at = 0;
  for (const mapping of [...asked].sort((a, b) => a.containerID - b.containerID)) {
    const end = Math.min(mapping.containerID, size);
    if (end > at) maps.push({ containerID: at, hostID: first + at, size: end - at });
    maps.push(mapping);
    at = mapping.containerID + mapping.size;
  }
  if (at < size) maps.push({ containerID: at, hostID: first + at, size: size - at });
  return maps;
}

/** @throws {NoSubordinateIDs} {InvalidOption} */
function rangesOf(kind: Kind, name: string): Range[] {
  const file = FILES[kind];
  const ranges = existsSync(file) ? rangesIn(readFileSync(file, "utf8"), { name }) : [];
  const usable = ranges.filter(({ first, size }) => first > 0 && size > 0);
  if (usable.length === 0) throw new NoSubordinateIDs({ file, name });
  return usable;
}

/** From 0 on, without gaps. */
function inARow(ranges: readonly Range[]): IDMapping[] {
  let containerID = 0;
  return ranges.map(({ first, size }) => {
    const mapping = { containerID, hostID: first, size };
    containerID += size;
    return mapping;
  });
}
