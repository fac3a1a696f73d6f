/** Does something with several things by their names: with all that can be, whatever happens to the others. */
import { type AnyTeuError, hasCode, isTeuError, TeuError } from "../base/index.ts";

/** With some it could not be done; every reason is told. */
export class NotAllDone extends TeuError<"not-all-done", { errors: readonly AnyTeuError[] }> {
  constructor(errors: readonly AnyTeuError[]) {
    const [first] = errors;
    super(
      "not-all-done",
      first?.kind ?? "internal",
      { errors },
      errors.map(({ message }) => message).join("\n"),
      first?.hint === undefined ? {} : { hint: first.hint },
    );
  }
}

/** @param excused  The code of errors that do not count. @throws {NotAllDone} */
export async function forEach(
  names: readonly string[],
  work: (name: string) => Promise<void>,
  excused?: string,
): Promise<void> {
  const errors: AnyTeuError[] = [];
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      if (!isTeuError(error)) throw error;
      if (excused === undefined || !hasCode(error, excused)) errors.push(error);
    }
  }
  if (errors.length > 0) throw new NotAllDone(errors);
}
