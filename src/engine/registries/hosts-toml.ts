/** What containerd's hosts.toml says of a registry. Source: containerd docs/hosts.md. */
import { join } from "node:path";
import type { Certificates } from "./certificates.ts";
import { certificatesOf } from "./certificates.ts";
import { Fields, InvalidConfiguration, readTOML } from "./toml.ts";

/** What a host may be asked for. */
export type HostCapability = "pull" | "resolve" | "push" | "referrers";

/** One host that answers for a registry. */
export interface RegistryHost {
  readonly origin: string;
  /** What stands before the repository: `/v2`, or what the file says instead. */
  readonly path: string;
  readonly capabilities: readonly HostCapability[];
  readonly certificates: Certificates;
  readonly headers: Readonly<Record<string, string>>;
}

/** The hosts in the order in which they are tried, and the server after them; absent: the registry itself. */
export interface RegistryHosts {
  readonly hosts: readonly RegistryHost[];
  readonly server?: RegistryHost;
}

const FOLDER = "/etc/containerd/certs.d";
const ALL: readonly HostCapability[] = ["pull", "resolve", "push", "referrers"];

/** @throws {InvalidConfiguration} */
export function readHostsTOML(registry: string, folder = FOLDER): RegistryHosts | undefined {
  for (const name of [registry, "_default"]) {
    const directory = join(folder, name);
    const path = join(directory, "hosts.toml");
    const document = readTOML(path);
    if (document === undefined) continue;
    const top = new Fields(document, path, "");
    const hosts = top.tables("host").map(([address, table]) => hostOf(address, table, directory, path));
    const server = top.string("server");
    return { hosts, ...(server !== undefined && { server: hostOf(server, top, directory, path) }) };
  }
  return undefined;
}

function hostOf(address: string, table: Fields, directory: string, path: string): RegistryHost {
  let url: URL;
  try {
    url = new URL(address.includes("://") ? address : `https://${address}`);
  } catch {
    throw new InvalidConfiguration({
      path,
      reason: `${JSON.stringify(address)} is no address of a registry`,
    });
  }
  const base = url.pathname.replace(/\/+$/, "");
  const isWhole = table.boolean("override_path") || base.endsWith("/v2");
  const asked = table.strings("capabilities") as HostCapability[]; // words that we do not know ask for nothing
  const headers = Object.fromEntries(
    Object.entries((table.raw("header") ?? {}) as Record<string, string | string[]>).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : String(value),
    ]),
  );
  return {
    origin: url.origin,
    path: isWhole ? base : `${base}/v2`,
    capabilities: asked.length > 0 ? asked : ALL,
    certificates: certificatesOf({
      directory,
      ca: table.strings("ca"),
      client: pairsOf(table.raw("client"), path),
      isUnverified: table.boolean("skip_verify"),
    }),
    headers,
  };
}

/** `"both.pem"`, `["a.cert", "a.key"]`… or `[["a.cert", "a.key"], …]`. */
function pairsOf(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  return list.map((item): [string, string] => {
    if (typeof item === "string") return [item, item];
    const [certificate, key] = Array.isArray(item) ? item : [];
    if (typeof certificate !== "string")
      throw new InvalidConfiguration({ path, reason: "client: wants paths of certificates and keys" });
    return [certificate, typeof key === "string" && key !== "" ? key : certificate];
  });
}
