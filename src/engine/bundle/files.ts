/** The three files of /etc that belong to a container and not to its image: hosts, hostname, resolv.conf. As docker writes them. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import type { Network } from "./config.ts";

/** What the files are made from. */
export interface Identity {
  readonly hostname: string;
  readonly network: Network;
}

const LOCAL_HOSTS = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** Writes the three into `bundle`. @returns where each is to be shown */
export function writeFiles(
  bundle: HostPath,
  { hostname, network }: Identity,
): { source: HostPath; destination: ContainerPath }[] {
  const isBridged = network !== "host" && network !== "none";
  const texts = {
    hosts: network === "host" ? hostFile("/etc/hosts") : ownHosts(),
    hostname: `${hostname}\n`,
    "resolv.conf": isBridged ? reachable(hostFile("/etc/resolv.conf")) : hostFile("/etc/resolv.conf"),
  };
  return Object.entries(texts).map(([name, text]) => {
    const source = join(bundle, name) as HostPath;
    writeFileSync(source, text);
    chmodSync(source, 0o644); // whatever the umask: every user of the container reads them
    return { source, destination: `/etc/${name}` as ContainerPath };
  });
}

function ownHosts(): string {
  return `${LOCAL_HOSTS.join("\n")}\n`;
}

/** Tells the container its address, under its names, in the file that it sees already: that stays the same file. */
export function writeOwnAddress(directory: HostPath, address: string, names: readonly string[]): void {
  writeFileSync(join(directory, "hosts"), `${ownHosts()}${address}\t${names.join(" ")}\n`);
}

/** Docker's, where the host's own resolver listens on its loopback address only. */
const PUBLIC_RESOLVERS = ["8.8.8.8", "8.8.4.4"];

/** Without the resolvers that a container cannot reach. Source: moby libnetwork/resolvconf. */
function reachable(text: string): string {
  const lines = text.split("\n").filter((line) => !/^\s*nameserver\s+(127\.|::1)/.test(line));
  if (lines.some((line) => /^\s*nameserver\s/.test(line))) return lines.join("\n");
  return [
    ...lines.filter((line) => line !== ""),
    ...PUBLIC_RESOLVERS.map((ip) => `nameserver ${ip}`),
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
