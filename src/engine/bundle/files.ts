/** The three files of /etc that belong to a container and not to its image: hosts, hostname, resolv.conf. As docker writes them. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import { isInUserNamespace } from "../../sys/index.ts";
import { UPLINK_RESOLVER } from "../network/place.ts";
import type { Network } from "./config.ts";

/** What the files are made from. */
export interface Identity {
  readonly hostname: string;
  readonly network: Network;
  readonly hosts: readonly HostEntry[];
  readonly resolvers: Resolvers;
}

/** What takes the place of the host's in resolv.conf; empty: the host's stays. */
export interface Resolvers {
  readonly servers: readonly string[];
  readonly searchDomains: readonly string[];
  readonly options: readonly string[];
}

/** One line of /etc/hosts. */
export interface HostEntry {
  readonly name: string;
  readonly address: string;
}

const LOCAL_LINES = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
]
  .map((line) => `${line}\n`)
  .join("");

const NAMES = ["hosts", "hostname", "resolv.conf"] as const;

/** The three in `directory`, and where each is to be shown. */
export function filesIn(directory: HostPath): { source: HostPath; destination: ContainerPath }[] {
  return NAMES.map((name) => ({
    source: join(directory, name) as HostPath,
    destination: `/etc/${name}` as ContainerPath,
  }));
}

/** Writes the three into `directory`. */
export function writeFiles(directory: HostPath, { hostname, network, hosts, resolvers }: Identity): void {
  const isBridged = network !== "host" && network !== "none";
  const texts: Record<(typeof NAMES)[number], string> = {
    // What names addresses of a network of ours is written with the container's own: it may name its gateway.
    hosts: `${network === "host" ? hostFile("/etc/hosts") : LOCAL_LINES}${isBridged ? "" : encodeHosts(hosts)}`,
    hostname: `${hostname}\n`,
    "resolv.conf": resolversOf(isBridged, resolvers),
  };
  for (const name of NAMES) {
    const path = join(directory, name);
    writeFileSync(path, texts[name]);
    chmodSync(path, 0o644); // whatever the umask: every user of the container reads them
  }
}

function encodeHosts(hosts: readonly HostEntry[]): string {
  return hosts.map(({ name, address }) => `${address}\t${name}\n`).join("");
}

function resolversOf(isBridged: boolean, { servers, ...asked }: Resolvers): string {
  const text = withLines(hostFile("/etc/resolv.conf"), asked);
  if (servers.length > 0) {
    const others = text.split("\n").filter((line) => line !== "" && !/^\s*nameserver\s/.test(line));
    return `${[...others, ...servers.map((address) => `nameserver ${address}`)].join("\n")}\n`;
  }
  return isBridged ? reachable(text) : text;
}

/** `text` with `search` and `options` as they were asked for; the domain `.` is none. */
function withLines(text: string, { searchDomains, options }: Omit<Resolvers, "servers">): string {
  const given = [
    {
      kind: /^\s*(search|domain)\s/,
      word: "search",
      values: searchDomains.filter((domain) => domain !== "."),
    },
    { kind: /^\s*options\s/, word: "options", values: options },
  ].filter(({ word }) => (word === "search" ? searchDomains : options).length > 0);
  if (given.length === 0) return text;
  const lines = text.split("\n").filter((line) => line !== "" && !given.some(({ kind }) => kind.test(line)));
  const added = given.flatMap(({ word, values }) =>
    values.length > 0 ? [`${word} ${values.join(" ")}`] : [],
  );
  return `${[...lines, ...added].join("\n")}\n`;
}

/** Tells the container its addresses, under its names, in the file that it sees already: that stays the same file. */
export function writeOwnAddresses(
  directory: HostPath,
  own: { readonly addresses: readonly string[]; readonly names: readonly string[] },
  hosts: readonly HostEntry[],
): void {
  const lines = own.addresses.map((address) => `${address}\t${own.names.join(" ")}\n`);
  writeFileSync(join(directory, "hosts"), `${LOCAL_LINES}${encodeHosts(hosts)}${lines.join("")}`);
}

/** Has the container ask `nameServer`, which knows the others in its networks and asks on; undefined: as one that knows nobody. */
export function writeNameServer(
  directory: HostPath,
  nameServer: string | undefined,
  resolvers: Resolvers,
): void {
  const lines = withLines(hostFile("/etc/resolv.conf"), resolvers).split("\n");
  const others = lines.filter((line) => /^\s*search\s/.test(line));
  const text =
    nameServer === undefined
      ? resolversOf(true, resolvers)
      : // A name without a dot is a container's.
        `${[`nameserver ${nameServer}`, ...others, `options ${["ndots:0", ...resolvers.options].join(" ")}`].join("\n")}\n`;
  writeFileSync(join(directory, "resolv.conf"), text);
}

/** Docker's, where the host's own resolver listens on its loopback address only. */
const PUBLIC_RESOLVERS = ["8.8.8.8", "8.8.4.4"];

/** Without the resolvers that a container cannot reach. Source: moby libnetwork/resolvconf. */
function reachable(text: string): string {
  const lines = text.split("\n").filter((line) => !/^\s*nameserver\s+(127\.|::1)/.test(line));
  if (lines.some((line) => /^\s*nameserver\s/.test(line))) return lines.join("\n");
  return [
    ...lines.filter((line) => line !== ""),
    ...(isInUserNamespace() ? [UPLINK_RESOLVER, ...PUBLIC_RESOLVERS] : PUBLIC_RESOLVERS).map(
      (ip) => `nameserver ${ip}`,
    ),
    "",
  ].join("\n");
}

/** The host's own file; empty where it has none. */
function hostFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
