/** Opens the store that the environment chooses where this process is: as root, or in a plain user's home. */
import { isInUserNamespace } from "../sys/index.ts";
import { enginePaths } from "./paths.ts";
import { openStore, type Store } from "./store/store.ts";

/** The store of TEU_ROOT and TEU_RUN, as it is. */
export async function openStoreHere(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Store> {
  const paths = enginePaths(environment);
  if (!isInUserNamespace()) return openStore(paths);
  const { homeNetwork } = await import("./home/network.ts");
  return openStore(paths, undefined, homeNetwork(paths));
}
