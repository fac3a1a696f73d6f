/**
 * The files that describe networks: `*.conflist`, and `*.conf` and `*.json` of a single plugin. Source: CNI specification 1.1, section 1; libcni's names.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CNI_PREFIX, type NetworkAttachment } from "../../options/network.ts";
import { InvalidCNIConfiguration, NoSuchCNINetwork } from "./errors.ts";
import { isObject } from "./object.ts";

/** One plugin of a network, as the file has it. */
export interface PluginConfiguration {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

/** A network: its plugins are called in this order to connect, and in the reverse one to disconnect. */
export interface NetworkList {
  readonly name: string;
  /** Those that it may be spoken in, the best last. */
  readonly versions: readonly string[];
  readonly plugins: readonly PluginConfiguration[];
  /** When its file was written. */
  readonly createdAt: number;
}

/** Where files and plugins are looked for. */
export interface CNIPlaces {
  readonly configurations: string;
  readonly plugins: readonly string[];
}

/** What results are chained in; earlier ones have no chain. */
export const VERSIONS: readonly string[] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** From `NETCONFPATH` and `CNI_PATH`, as other programs call them. */
export function placesOf(environment: Readonly<Record<string, string | undefined>>): CNIPlaces {
  return {
    configurations: environment["NETCONFPATH"] || "/etc/cni/net.d",
    plugins: (environment["CNI_PATH"] || "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni")
      .split(":")
      .filter(Boolean),
  };
}

/** A CNI network's files and plugins are those of whoever makes the container: a restart has no environment. */
export function withPlaces(attachment: NetworkAttachment): NetworkAttachment {
  if (!attachment.name.startsWith(CNI_PREFIX)) return attachment;
  return { ...attachment, cni: placesOf(process.env) };
}

/** The network of that name. @throws {NoSuchCNINetwork} {InvalidCNIConfiguration} Of its own file, or of one that may be it. */
export function findList(directory: string, name: string): NetworkList {
  const { lists, faults } = readLists(directory);
  const found = lists.find((list) => list.name === name);
  if (found !== undefined) return found;
  throw faults[0] ?? new NoSuchCNINetwork({ name, directory });
}

/** All networks, by the names of their files; the first of a name counts. */
export function readLists(directory: string): {
  readonly lists: readonly NetworkList[];
  readonly faults: readonly InvalidCNIConfiguration[];
} {
  const lists = new Map<string, NetworkList>();
  const faults: InvalidCNIConfiguration[] = [];
  for (const name of fileNames(directory)) {
    try {
      const list = parseList(join(directory, name));
      if (!lists.has(list.name)) lists.set(list.name, list);
    } catch (error) {
      if (!(error instanceof InvalidCNIConfiguration)) throw error;
      faults.push(error);
    }
  }
  return { lists: [...lists.values()], faults };
}

function fileNames(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(conflist|conf|json)$/.test(name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function parseList(file: string): NetworkList {
  const invalid = (why: string) => new InvalidCNIConfiguration({ file, why });
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw invalid((error as Error).message);
  }
  if (!isObject(document)) throw invalid("it is no JSON object");
  const { name, cniVersion, cniVersions = [] } = document;
  const plugins = file.endsWith(".conflist") ? document["plugins"] : [document];
  if (typeof name !== "string" || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    throw invalid("name: wants letters, digits, _ . -");
  if (!Array.isArray(plugins) || plugins.length === 0) throw invalid("plugins: wants a list of at least one");
  for (const [index, plugin] of plugins.entries()) {
    const type = isObject(plugin) ? plugin["type"] : undefined;
    if (typeof type !== "string" || type === "" || type.includes("/"))
      throw invalid(`plugins[${index}].type: wants the name of a program`);
  }
  const said = [cniVersion, ...(Array.isArray(cniVersions) ? cniVersions : [])];
  const versions = VERSIONS.filter((version) => said.includes(version));
  if (versions.length === 0)
    throw invalid(`cniVersion: found ${JSON.stringify(cniVersion)}, wants one of ${VERSIONS.join(", ")}`);
  return { name, versions, plugins, createdAt: Math.floor(statSync(file).mtimeMs) };
}
