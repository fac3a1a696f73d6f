/** Removes several containers: all that can be, whatever happens to the others. */
import { type AnyTeuError, hasCode, isTeuError, TeuError } from "../../base/index.ts";
import type { Store } from "../store/store.ts";
import { findContainer, removeContainer } from "./remove.ts";

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

/** Removes the containers that `names` name. @throws {NotAllRemoved} */
export async function removeContainers(
  store: Store,
  names: readonly string[],
  options: { force: boolean; onRemoved: (name: string) => void },
): Promise<void> {
  const errors: AnyTeuError[] = [];
  for (const name of names) {
    try {
      await removeContainer(store, findContainer(store, name), options);
      options.onRemoved(name);
    } catch (error) {
      if (!isTeuError(error)) throw error;
      if (!(options.force && hasCode(error, "no-such-container"))) errors.push(error);
    }
  }
  if (errors.length > 0) throw new NotAllRemoved(errors);
}
