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
  const texts = {
    hosts: network === "host" ? hostFile("/etc/hosts") : `${LOCAL_HOSTS.join("\n")}\n`,
    hostname: `${hostname}\n`,
    "resolv.conf": hostFile("/etc/resolv.conf"),
  };
  return Object.entries(texts).map(([name, text]) => {
    const source = join(bundle, name) as HostPath;
    writeFileSync(source, text);
    chmodSync(source, 0o644); // whatever the umask: every user of the container reads them
    return { source, destination: `/etc/${name}` as ContainerPath };
  });
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
