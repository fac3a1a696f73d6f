/**
 * `--userns`, and the maps that go with it: whose ids a container's users have on the machine. Podman's words.
 * Source: podman-run(1), --userns, --uidmap, --gidmap, --subuidname, --subgidname; user_namespaces(7).
 */
import { Unsupported } from "../../base/index.ts";
import type { IDMapping } from "../../spec/index.ts";
import { InvalidOption } from "./error.ts";

/** Which users are asked for. */
export type UsersRequest =
  /** Ids that nobody else has, as many as `size` says. The mappings are as they are asked for; the rest is chosen. */
  | {
      readonly kind: "auto";
      readonly size?: number;
      readonly uids: readonly IDMapping[];
      readonly gids: readonly IDMapping[];
    }
  | { readonly kind: "maps"; readonly uids: readonly IDMapping[]; readonly gids: readonly IDMapping[] }
  /** The ranges that /etc/subuid and /etc/subgid give to these names. */
  | { readonly kind: "names"; readonly user: string; readonly group: string }
  /** Those of another container, as it was named; it is among the joins too. */
  | { readonly kind: "container"; readonly container: string };

/** The flags. */
export interface UsersWords {
  readonly userns?: string | undefined;
  readonly uidmap: readonly string[];
  readonly gidmap: readonly string[];
  readonly subuidname?: string | undefined;
  readonly subgidname?: string | undefined;
}

/** No id is as high as this one, which means none. */
const NO_ID = 0xffff_ffff;
const ROOTLESS = /^(keep-id|nomap)(:.*)?$/;

/** The users that the flags ask for; undefined: the host's. @throws {InvalidOption} {Unsupported} */
export function parseUsers(words: UsersWords): UsersRequest | undefined {
  const { userns = "" } = words;
  const maps = mapsOf(words);
  const [mode = "", rest] = userns.split(/:(.*)/s);
  const invalid = (why: string) => new InvalidOption({ option: "--userns", value: userns }, why);
  if (maps !== undefined && userns !== "" && userns !== "private")
    throw invalid(`--userns ${userns} cannot be used with ${maps.flag}: they are of --userns private`);
  if (mode === "container") {
    if (!rest) throw invalid("--userns container: wants a container: container:NAME");
    return { kind: "container", container: rest };
  }
  if (mode === "auto") return autoOf(rest ?? "", invalid);
  if (ROOTLESS.test(userns))
    throw new Unsupported(
      {
        what: `--userns ${userns}`,
        why: "it is of plain users, for whom the kernel maps the ids of no file system that they have not mounted themselves",
      },
      { hint: "As root: --userns auto. As a plain user: containers are in that user's ids in any case" },
    );
  if (mode === "ns")
    throw new Unsupported({ what: `--userns ${userns}`, why: "its ids are known of containers only" });
  if (userns === "" || userns === "private") {
    if (maps !== undefined) return maps.request;
    if (userns === "") return undefined;
    throw invalid(
      "--userns private wants a map: must provide at least one UID or GID mapping to configure a user namespace (--uidmap, --subuidname), or --userns auto",
    );
  }
  if (userns !== "host") throw invalid(`--userns: invalid USER mode: ${userns}`);
  return undefined;
}

/** What the flags of maps ask for, and the first of them. One kind of id has the other's maps where it has none itself. */
function mapsOf({
  uidmap,
  gidmap,
  subuidname,
  subgidname,
}: UsersWords): { readonly flag: string; readonly request: UsersRequest } | undefined {
  const user = subuidname || subgidname;
  const [text] = [...uidmap, ...gidmap];
  if (user === undefined && text === undefined) return undefined;
  if (user !== undefined && text !== undefined)
    throw new InvalidOption(
      { option: "--uidmap", value: text },
      "--uidmap and --gidmap cannot be used with --subuidname and --subgidname",
    );
  if (user !== undefined)
    return {
      flag: subuidname ? "--subuidname" : "--subgidname",
      request: { kind: "names", user, group: subgidname || user },
    };
  const uids = parseMaps("--uidmap", uidmap);
  const gids = parseMaps("--gidmap", gidmap);
  return {
    flag: uids.length > 0 ? "--uidmap" : "--gidmap",
    request: {
      kind: "maps",
      uids: uids.length > 0 ? uids : gids,
      gids: gids.length > 0 ? gids : uids,
    },
  };
}

function parseMaps(option: string, texts: readonly string[]): IDMapping[] {
  const maps = texts.map((text) => parseMap(option, text));
  refuseOverlaps(option, texts, maps);
  const first = texts[0];
  // The runtime's first process is root in there.
  if (first !== undefined && !maps.some(({ containerID }) => containerID === 0))
    throw new InvalidOption(
      { option, value: first },
      `invalid ${option} ${first}: none maps 0, and root of the container has to be somebody`,
    );
  return maps;
}

/** @throws {InvalidOption} two maps give one id, on either side */
function refuseOverlaps(option: string, texts: readonly string[], maps: readonly IDMapping[]): void {
  for (const side of ["containerID", "hostID"] as const) {
    const sorted = maps.map((map, index) => ({ map, index })).sort((a, b) => a.map[side] - b.map[side]);
    sorted.forEach(({ map, index }, place) => {
      const next = sorted[place + 1];
      if (next === undefined || map[side] + map.size <= next.map[side]) return;
      const value = texts[next.index] ?? "";
      throw new InvalidOption(
        { option, value },
        `invalid ${option} ${value}: it overlaps ${texts[index] ?? ""}`,
      );
    });
  }
}

/** `CONTAINER:HOST[:SIZE]`. @throws {InvalidOption} */
function parseMap(option: string, text: string): IDMapping {
  const [, inside, outside, count = "1"] = /^(\d+):@?(\d+)(?::(\d+))?$/.exec(text) ?? [];
  const mapping = { containerID: Number(inside), hostID: Number(outside), size: Number(count) };
  const { containerID, hostID, size } = mapping;
  if (inside === undefined || size < 1 || containerID + size > NO_ID || hostID + size > NO_ID)
    throw new InvalidOption(
      { option, value: text },
      `invalid ${option} ${text}: wants CONTAINER:HOST[:SIZE], ids below ${NO_ID}`,
    );
  return mapping;
}

/** `size=N,uidmapping=CONTAINER:HOST:SIZE,gidmapping=…` */
function autoOf(text: string, invalid: (why: string) => InvalidOption): UsersRequest {
  const uids: string[] = [];
  const gids: string[] = [];
  let size: number | undefined;
  for (const field of text === "" ? [] : text.split(",")) {
    const [key = "", value = ""] = field.split(/=(.*)/s);
    if (key === "uidmapping") uids.push(value);
    else if (key === "gidmapping") gids.push(value);
    else if (key === "size") {
      size = /^\d+$/.test(value) ? Number(value) : 0;
      if (size < 1 || size >= NO_ID)
        throw invalid(`--userns auto: invalid size '${value}': wants a number of ids`);
    } else throw invalid(`--userns auto: unknown option '${key}': size, uidmapping and gidmapping are known`);
  }
  const parse = (option: string, texts: readonly string[]) => {
    const maps = texts.map((one) => parseMap(option, one));
    refuseOverlaps(option, texts, maps);
    return maps;
  };
  return {
    kind: "auto",
    ...(size !== undefined && { size }),
    uids: parse("--userns auto:uidmapping", uids),
    gids: parse("--userns auto:gidmapping", gids),
  };
}
