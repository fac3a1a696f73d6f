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
  /** Whether its administrator wants no `CHECK`, or no `GC`. */
  readonly disableCheck?: true;
  readonly disableGC?: true;
  /** When its file was written. */
  readonly createdAt: number;
}

/** Where files and plugins are looked for. */
export interface CNIPlaces {
  readonly configurations: string;
  readonly plugins: readonly string[];
}

/** Whether `version` is `wanted` or a later one. */
export function isFrom(version: string, wanted: string): boolean {
  return VERSIONS.indexOf(version) >= VERSIONS.indexOf(wanted);
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
  const document = readDocument(file);
  const { name, cniVersion, cniVersions = [] } = document;
  const { disableCheck, disableGC } = document;
  if (typeof name !== "string" || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    throw invalid("name: wants letters, digits, _ . -");
  const plugins = file.endsWith(".conflist") ? pluginsOf(file, name, document) : [document];
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
  return {
    ...{ name, versions, plugins, createdAt: Math.floor(statSync(file).mtimeMs) },
    ...(disableCheck === true && { disableCheck }),
    ...(disableGC === true && { disableGC }),
  };
}

/** Those of the list itself, and, unless it wants none, those of files (`*.conf`) in the folder beside it that is called as the network is. */
function pluginsOf(file: string, name: string, { plugins, loadOnlyInlinedPlugins }: Record<string, unknown>) {
  if (loadOnlyInlinedPlugins === true || (plugins !== undefined && !Array.isArray(plugins))) return plugins;
  const folder = join(file, "..", name);
  const others = fileNames(folder).filter((other) => other.endsWith(".conf"));
  return [...(plugins ?? []), ...others.map((other) => readDocument(join(folder, other)))];
}

function readDocument(file: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new InvalidCNIConfiguration({ file, why: (error as Error).message });
  }
  if (!isObject(document)) throw new InvalidCNIConfiguration({ file, why: "it is no JSON object" });
  return document;
}
