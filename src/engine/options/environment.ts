/** `-e NAME=value`, or `-e NAME` for what the caller's environment holds. Source: docker run reference, -e. */
import { InvalidOption } from "./error.ts";

/**
 * The entries that `options` add to the image's. A bare NAME that the caller has not set removes the image's entry,
 * as docker has it; it stands in the answer without `=`.
 * @throws {InvalidOption}
 */
export function parseEnvironment(
  options: readonly string[],
  caller: Readonly<Record<string, string | undefined>>,
): string[] {
  return options.map((option) => {
    if (option === "" || option.startsWith("="))
      throw new InvalidOption({ option: "--env", value: option }, `Invalid environment variable: ${option}`);
    if (option.includes("=")) return option;
    const value = caller[option];
    return value === undefined ? option : `${option}=${value}`;
  });
}

/** `image`'s entries, changed and added to by `entries`; an entry without `=` removes. The last of a name counts. */
export function mergeEnvironment(image: readonly string[], entries: readonly string[]): string[] {
  const merged = new Map<string, string | undefined>();
  for (const entry of [...image, ...entries]) {
    const equals = entry.indexOf("=");
    merged.set(equals < 0 ? entry : entry.slice(0, equals), equals < 0 ? undefined : entry);
  }
  return [...merged.values()].filter((entry) => entry !== undefined);
}
