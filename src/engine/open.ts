/** Opens the store that the environment chooses, and cleans it of what killed commands left. */
import { TeuError } from "../base/index.ts";
import { recover } from "./container/recover.ts";
import { enginePaths } from "./paths.ts";
import { openStore, type Store } from "./store/store.ts";

/** Containers need rights that only root has, until the issue on rootless containers. */
export class RootNeeded extends TeuError<"root-needed"> {
  constructor() {
    super("root-needed", "permission-denied", {}, "Cannot open the store: teu must be run by root", {
      hint: "Use sudo",
    });
  }
}

/** The store of TEU_ROOT and TEU_RUN. @throws {RootNeeded} */
export async function openEngine(environment: Readonly<Record<string, string | undefined>>): Promise<Store> {
  if (process.geteuid?.() !== 0) throw new RootNeeded();
  const store = openStore(enginePaths(environment));
  await recover(store);
  return store;
}
