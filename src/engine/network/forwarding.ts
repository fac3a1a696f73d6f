/**
 * Lets packets pass between devices of this machine, which containers need, without making it a router for its neighbours: what could not pass
 * before does not pass after. Who turns forwarding on first puts a guard before it, a table of its own that stays as long as that does; where it
 * was on already, somebody wants it, and there is none. Whoever flushes all rules takes the guard away and leaves the switch on: what it was is
 * noted, so that it comes back with the other rules. Source: nft(8); docs/decisions/0016-forwarding.md, 0019-the-guard-comes-back.md.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bootID, hasCode } from "../../base/index.ts";
import { replaceFile } from "../../content/index.ts";
import { hasFilterTable, listLinks, NetlinkSocket, networkCookie } from "../../sys/index.ts";
import { applyRules } from "./nft.ts";

/** The guard's, in the families `ip` and `ip6`. One for the machine, whatever stores there are. */
export const GUARD_TABLE = "teu_forwarding";

type Family = "ip" | "ip6";
const SWITCHES: Readonly<Record<Family, string>> = {
  ip: "/proc/sys/net/ipv4/ip_forward",
  ip6: "/proc/sys/net/ipv6/conf/all/forwarding",
};
const IPV6_DEVICES = "/proc/sys/net/ipv6/conf";
/** A file for each network namespace in which teu turned forwarding on. Stores share it, under the lock of the network. */
const NOTES = "/run/teu.forwarding";

/** The devices that the guards were made with. */
type Guarded = { readonly [family in Family]?: readonly string[] };

/** Lets packets of IPv4 pass. @throws {NoPacketFilter} {RulesRefused} */
export function forwardIPv4(socket: NetlinkSocket): void {
  turnOn("ip", socket);
}

/**
 * Lets packets of IPv6 pass. What forwards no longer listens to routers, unless it is told to: who got the machine's own address so goes on.
 * @throws {NoPacketFilter} {RulesRefused}
 */
export function forwardIPv6(socket: NetlinkSocket): void {
  if (isOn("ip6")) return;
  for (const device of readdirSync(IPV6_DEVICES)) {
    const file = `${IPV6_DEVICES}/${device}/accept_ra`;
    // What comes later decides for itself, as the kernel has it.
    if (device !== "all" && device !== "default" && readFileSync(file, "latin1").trim() === "1")
      writeFileSync(file, "2");
  }
  turnOn("ip6", socket);
}

/** Takes a bridge out of the guard: one that somebody has made, and now given containers. */
export function letThrough(bridge: string, socket: NetlinkSocket): void {
  for (const family of ["ip", "ip6"] as const) {
    if (!existsSync(SWITCHES[family])) continue;
    try {
      applyRules(`delete element ${family} ${GUARD_TABLE} wires { "${bridge}" }\n`, undefined);
    } catch (error) {
      // There is no guard, or it has not that bridge.
      if (!hasCode(error, "rules-refused")) throw error;
    }
    const devices = readGuarded(socket)[family];
    if (devices?.includes(bridge) === true)
      note(socket, { [family]: devices.filter((device) => device !== bridge) });
  }
}

/** Makes the guards anew that were there, where somebody has flushed all rules. @throws {RulesRefused} */
export function restoreGuards(): void {
  using socket = new NetlinkSocket();
  for (const [family, devices] of Object.entries(readGuarded(socket)) as [Family, readonly string[]][])
    if (!hasFilterTable(GUARD_TABLE, family)) applyRules(encodeGuard(family, devices), undefined);
}

function isOn(family: Family): boolean {
  return readFileSync(SWITCHES[family], "latin1").trim() !== "0";
}

function turnOn(family: Family, socket: NetlinkSocket): void {
  if (isOn(family)) return;
  const devices = wires(socket);
  applyRules(encodeGuard(family, devices), undefined);
  note(socket, { [family]: devices });
  writeFileSync(SWITCHES[family], "1");
}

function note(socket: NetlinkSocket, change: Guarded): void {
  mkdirSync(NOTES, { recursive: true, mode: 0o700 });
  replaceFile(noteFile(socket), JSON.stringify({ ...readGuarded(socket), ...change }), 0o600);
}

function readGuarded(socket: NetlinkSocket): Guarded {
  const file = noteFile(socket);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {}; // as `note` wrote it, whole
}

function noteFile(socket: NetlinkSocket): string {
  return join(NOTES, `${bootID()} ${networkCookie(socket)}.json`);
}

/**
 * The devices by which neighbours come: all that there are, but for bridges of containers and virtual machines, which have no other ports than
 * theirs, and what is a port of a bridge.
 */
function wires(socket: NetlinkSocket): string[] {
  const links = listLinks(socket);
  const bridges = new Set(links.filter(({ kind }) => kind === "bridge").map(({ index }) => index));
  const isVirtual = (bridge: number) =>
    links.every(({ master, kind }) => master !== bridge || kind === "veth" || kind === "tun");
  return links
    .filter(({ name, index, master }) => {
      // What the packet filter's language would read as something else, nobody calls a device.
      const isPort = master !== undefined && bridges.has(master);
      return name !== "lo" && !/["*\\]/.test(name) && !isPort && !(bridges.has(index) && isVirtual(index));
    })
    .map(({ name }) => name);
}

/**
 * The guard. What a neighbour begins passes to no device that was there, nor to one that came later, as a tunnel, unless it is a bridge or a pair:
 * these are of containers and virtual machines, whose engines guard them. What is answered, and what a published port leads, passes.
 */
export function encodeGuard(family: Family, devices: readonly string[]): string {
  const elements = devices.map((name) => `"${name}"`).join(", ");
  return `table ${family} ${GUARD_TABLE}
delete table ${family} ${GUARD_TABLE}
table ${family} ${GUARD_TABLE} {
  set wires {
    type ifname
${elements === "" ? "" : `    elements = { ${elements} }\n`}  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ct status dnat accept
    iifname @wires oifname @wires drop comment "forwarding was off before teu turned it on for containers"
    iifname @wires meta oifkind { "bridge", "veth" } accept
    iifname @wires drop
  }
}
`;
}
