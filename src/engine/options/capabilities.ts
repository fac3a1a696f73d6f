/** `--cap-add` and `--cap-drop`. Source: docker run reference, runtime privilege; moby oci/caps. */
import { InvalidOption } from "./error.ts";

const ALL = "ALL";

/**
 * The capabilities of a container: the defaults without what is dropped, and with what is added. Added ones win over `drop: ALL`, dropped
 * ones over `add: ALL`, as docker has it.
 * @param known  Every capability there is. @param held  Those that we can give: what `ALL` means. @throws {InvalidOption}
 */
export function parseCapabilities(
  defaults: readonly string[],
  changes: { readonly add: readonly string[]; readonly drop: readonly string[] },
  known: readonly string[],
  held = known,
): readonly string[] {
  const add = changes.add.map((text) => nameOf(text, "--cap-add", known));
  const drop = changes.drop.map((text) => nameOf(text, "--cap-drop", known));
  if (add.length === 0 && drop.length === 0) return defaults;
  const base = add.includes(ALL) ? held : drop.includes(ALL) ? [] : defaults;
  const wanted = new Set([...base, ...add.filter((name) => name !== ALL)]);
  for (const name of drop)
    if (name !== ALL && !(drop.includes(ALL) && add.includes(name))) wanted.delete(name);
  return known.filter((name) => wanted.has(name));
}

/** With or without `CAP_`, in any case. */
function nameOf(text: string, option: string, known: readonly string[]): string {
  const upper = text.toUpperCase();
  if (upper === ALL) return ALL;
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!known.includes(name))
    throw new InvalidOption(
      { option, value: text },
      `Invalid ${option.slice(2)}: unknown capability: ${JSON.stringify(text)}`,
    );
  return name;
}
