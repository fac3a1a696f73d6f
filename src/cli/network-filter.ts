/** `--filter` of the commands that list and remove networks. Docker's keys: values of one key are alternatives, keys and labels are not. */
import { DEFAULT_NETWORK, InvalidOption, type NetworkSummary, parseMoment } from "../engine/index.ts";
import { hasLabel } from "./label-filter.ts";
import { matches } from "./matches.ts";

type Filter = (network: NetworkSummary, value: string) => boolean;

const FILTERS = {
  name: ({ name }, value) => matches(value, name),
  id: ({ id }, value) => id.startsWith(value),
  driver: ({ driver }, value) => driver === value,
  label: ({ labels = {} }, value) => hasLabel(labels, value),
  "label!": ({ labels = {} }, value) => !hasLabel(labels, value),
  // All are of this machine, and three are there by themselves.
  scope: (_, value) => value === "local",
  type: (network, value) => value === (isBuiltIn(network) || network.driver === "cni" ? "builtin" : "custom"),
  dangling: (network, value) =>
    (network.containers.length === 0 && !isBuiltIn(network)) === (value === "true" || value === "1"),
  internal: ({ isInternal }, value) => `${isInternal}` === value,
  until: ({ createdAt }, value) => createdAt < Date.parse(parseMoment(value)),
} satisfies Record<string, Filter>;

function isBuiltIn({ name, driver }: NetworkSummary): boolean {
  return name === DEFAULT_NETWORK || driver === "host" || driver === "null";
}

/** Of keys that take no others. */
const VALUES: Partial<Record<keyof typeof FILTERS, readonly string[]>> = {
  type: ["builtin", "custom"],
  scope: ["local", "global", "swarm"],
  dangling: ["true", "false", "1", "0"],
};

/** Whether a network is what `texts` ask for, by some of the keys. @throws {InvalidOption} */
export function networkFilter(
  texts: readonly string[],
  keys: readonly (keyof typeof FILTERS)[],
): (network: NetworkSummary) => boolean {
  const wanted = new Map<keyof typeof FILTERS, string[]>();
  for (const text of texts) {
    const [word = "", value] = text.split(/=(.*)/s);
    const key = keys.find((known) => known === word);
    if (key === undefined || value === undefined)
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants ${keys.join(", ")}, and a value`,
      );
    if (key === "until") parseMoment(value);
    const words = VALUES[key];
    if (words !== undefined && !words.includes(value))
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants ${words.join(" or ")}`,
      );
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return (network) =>
    [...wanted].every(([key, values]) => {
      const fits = (value: string): boolean => FILTERS[key](network, value);
      return key.startsWith("label") ? values.every(fits) : values.some(fits);
    });
}
