/** Removes several things by their names: all that can be, whatever happens to the others. */
import { type AnyTeuError, hasCode, isTeuError, TeuError } from "../base/index.ts";
import { findContainer, removeContainer } from "./container/remove.ts";
import { type RemovedImage, removeImage } from "./image/remove.ts";
import type { Store } from "./store/store.ts";

/** Some could not be removed; every reason is told. */
export class NotAllRemoved extends TeuError<"not-all-removed", { errors: readonly AnyTeuError[] }> {
  constructor(errors: readonly AnyTeuError[]) {
    const [first] = errors;
    super(
      "not-all-removed",
      first?.kind ?? "internal",
      { errors },
      errors.map(({ message }) => message).join("\n"),
      first?.hint === undefined ? {} : { hint: first.hint },
    );
  }
}

/** Removes the containers that `names` name. With `force`, missing ones are no error. @throws {NotAllRemoved} */
export async function removeContainers(
  store: Store,
  names: readonly string[],
  options: { force: boolean; onRemoved: (name: string) => void },
): Promise<void> {
  await removeEach(names, options.force ? "no-such-container" : undefined, async (name) => {
    await removeContainer(store, findContainer(store, name), options);
    options.onRemoved(name);
  });
}

/** Removes the images that `names` name. With `force`, missing ones are no error. @throws {NotAllRemoved} */
export async function removeImages(
  store: Store,
  names: readonly string[],
  options: { force: boolean; onRemoved: (removed: RemovedImage) => void },
): Promise<void> {
  await removeEach(names, options.force ? "no-such-image" : undefined, async (name) =>
    options.onRemoved(removeImage(store, name, options)),
  );
}

/** @param excused  The code of errors that do not count. */
async function removeEach(
  names: readonly string[],
  excused: string | undefined,
  remove: (name: string) => Promise<void>,
): Promise<void> {
  const errors: AnyTeuError[] = [];
  for (const name of names) {
    try {
      await remove(name);
    } catch (error) {
      if (!isTeuError(error)) throw error;
      if (excused === undefined || !hasCode(error, excused)) errors.push(error);
    }
  }
  if (errors.length > 0) throw new NotAllRemoved(errors);
}
