/** Removes links of containers by their names, `CONTAINER/ALIAS`: all that can be, whatever happens to the others. */
import { removeLink } from "./container/links.ts";
import { forEach } from "./for-each.ts";
import type { Store } from "./store/store.ts";

/** Containers that run find the others no more by these names; their variables stay as they are. @throws {NotAllDone} */
export async function removeLinks(
  store: Store,
  names: readonly string[],
  onRemoved: (name: string) => void,
): Promise<void> {
  const remove = async (name: string): Promise<void> => {
    const container = removeLink(store, name);
    if (container.phase !== "running") return;
    const { tellAddresses } = await import("./container/network.ts");
    await tellAddresses(store, container);
  };
  await forEach(names, remove, { onDone: onRemoved });
}
