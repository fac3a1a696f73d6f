/** `--filter` of the commands that list and remove volumes. Docker's keys: values of one key are alternatives, keys and labels are not. */
import { InvalidOption, type VolumeSummary } from "../engine/index.ts";
import { hasLabel } from "./label-filter.ts";
import { matches } from "./matches.ts";

type Filter = (volume: VolumeSummary, value: string) => boolean;

const FILTERS = {
  name: ({ name }, value) => matches(value, name),
  driver: ({ driver }, value) => driver === value,
  label: ({ labels }, value) => hasLabel(labels, value),
  "label!": ({ labels }, value) => !hasLabel(labels, value),
  dangling: ({ containers }, value) => (containers.length === 0) === (value === "true" || value === "1"),
} satisfies Record<string, Filter>;

/** Whether a volume is what `texts` ask for, by some of the keys. @throws {InvalidOption} */
export function volumeFilter(
  texts: readonly string[],
  keys: readonly (keyof typeof FILTERS)[],
): (volume: VolumeSummary) => boolean {
  const wanted = new Map<keyof typeof FILTERS, string[]>();
  for (const text of texts) {
    const [word = "", value] = text.split(/=(.*)/s);
    const key = keys.find((known) => known === word);
    const isTruth = key !== "dangling" || /^(true|false|0|1)$/.test(value ?? "");
    if (key === undefined || value === undefined || !isTruth)
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants ${keys.map((known) => `${known}=…`).join(", ")}`,
      );
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return (volume) =>
    [...wanted].every(([key, values]) => {
      const fits = (value: string): boolean => FILTERS[key](volume, value);
      return key.startsWith("label") ? values.every(fits) : values.some(fits);
    });
}
