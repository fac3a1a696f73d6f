/** Networks are kept in a file beside the database too, from which `system repair` puts them back when that is lost. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../content/index.ts";
import { inTransaction } from "../store/database.ts";
import { addNetwork, allNetworks, type NewNetwork } from "../store/networks.ts";
import type { Store } from "../store/store.ts";

/** The file's name, below the store. */
export const NOTED_NETWORKS = "networks.json";

interface Noted {
  readonly version: 1;
  readonly networks: readonly NewNetwork[];
}

/** Writes all networks that there are. */
export function noteNetworks({ paths, database }: Store): void {
  const networks = allNetworks(database).map(({ lastAddress, namePort, createdAt, ...network }) => {
    const { base, prefixLength } = network.subnet;
    return { ...network, subnet: { base, prefixLength } };
  });
  const noted: Noted = { version: 1, networks };
  replaceFile(join(paths.root, NOTED_NETWORKS), JSON.stringify(noted), 0o600);
}

/** Records the networks of the file. @returns their names */
export function restoreNetworks({ paths, database, namespace }: Store): string[] {
  const path = join(paths.root, NOTED_NETWORKS);
  if (!existsSync(path)) return [];
  const { networks } = JSON.parse(readFileSync(path, "utf8")) as Noted; // as noteNetworks wrote it
  inTransaction(database, () => {
    for (const network of networks) addNetwork(database, namespace, network);
  });
  return networks.map(({ name }) => name);
}
