/** Does something with several things by their names: with all that can be, whatever happens to the others. */
import { type AnyTeuError, forEachParallel, hasCode, isTeuError, TeuError } from "../base/index.ts";

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

/** How it is done. */
export interface ForEachOptions {
  /** The code of errors that do not count. */
  readonly excused?: string | undefined;
  /** How many at once; absent: one after the other. */
  readonly atOnce?: number;
  /** Is told of those that were done, in the order of their names. */
  readonly onDone?: (name: string) => void;
}

/** @throws {NotAllDone} */
export async function forEach(
  names: readonly string[],
  work: (name: string) => Promise<void>,
  { excused, atOnce = 1, onDone = () => undefined }: ForEachOptions = {},
): Promise<void> {
  const errors = new Map<number, AnyTeuError>();
  const ended = new Set<number>();
  let told = 0;
  await forEachParallel([...names.entries()], atOnce, undefined, async ([index, name]) => {
    try {
      await work(name);
    } catch (error) {
      if (!isTeuError(error) || error.kind === "cancelled") throw error; // a person wants no more of it
      errors.set(index, error);
    }
    ended.add(index);
    for (; ended.has(told); told++) if (!errors.has(told)) onDone(names[told] ?? "");
  });
  const counting = [...errors.entries()].sort(([one], [other]) => one - other).map(([, error]) => error);
  const left = counting.filter((error) => excused === undefined || !hasCode(error, excused));
  if (left.length > 0) throw new NotAllDone(left);
}
