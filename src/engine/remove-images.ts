/** Removes several images by their names: all that can be, whatever happens to the others. */
import { forEach } from "./for-each.ts";
import { type RemovedImage, removeImage } from "./image/remove.ts";
import type { Store } from "./store/store.ts";

/** Removes the images that `names` name. With `force`, missing ones are no error. @throws {NotAllDone} */
export async function removeImages(
  store: Store,
  names: readonly string[],
  options: { force: boolean; onRemoved: (removed: RemovedImage) => void },
): Promise<void> {
  const remove = async (name: string): Promise<void> => options.onRemoved(removeImage(store, name, options));
  await forEach(names, remove, { excused: options.force ? "no-such-image" : undefined });
}
