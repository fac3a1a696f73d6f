/** Opens the records of the store that the environment chooses where this process is: as root, or in a plain user's home. */
import { isInUserNamespace } from "../sys/index.ts";
import { enginePaths } from "./paths.ts";
import { openRecords, type Records } from "./store/store.ts";

/** Those of TEU_ROOT and TEU_RUN, as they are. */
export async function openRecordsHere(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Records> {
  const paths = enginePaths(environment);
  if (!isInUserNamespace()) return openRecords(paths);
  const { homeNetwork } = await import("./home/network.ts");
  return openRecords(paths, undefined, homeNetwork(paths));
}
