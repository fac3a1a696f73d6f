/** SOURCE_DATE_EPOCH: who sets it wants the same image of the same input. Source: reproducible-builds.org/specs/source-date-epoch. */
import { InvalidOption } from "../engine/index.ts";
import type { CliContext } from "./context.ts";

/** In seconds; undefined when it is not set. @throws {InvalidOption} */
export function sourceDateEpoch({ environment }: Pick<CliContext, "environment">): number | undefined {
  const value = environment[NAME];
  if (value === undefined || value === "") return undefined;
  // What a time of RFC 3339 can say.
  if (/^\d{1,12}$/.test(value) && Number(value) <= 253_402_300_799) return Number(value);
  throw new InvalidOption(
    { option: NAME, value },
    `Invalid ${NAME} ${JSON.stringify(value)}: wants whole seconds since 1970`,
  );
}

const NAME = "SOURCE_DATE_EPOCH";
