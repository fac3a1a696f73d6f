/** `--filter` of `teu images`. Docker's keys: values of one key are alternatives, keys and labels are not. */
import { type ImageSummary, InvalidOption } from "../engine/index.ts";
import { hasLabel } from "./label-filter.ts";
import { untilOf } from "./until.ts";

type Test = (image: ImageSummary) => boolean;

const KEYS = ["reference", "label", "before", "since", "until", "dangling"];

/** @throws {InvalidOption} */
export function imageListFilter(texts: readonly string[], all: readonly ImageSummary[]): Test {
  const rules = new Map<string, Test[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (!KEYS.includes(key) || value === undefined)
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants ${KEYS.join(", ")}, and a value`,
      );
    const at = key === "label" ? text : key;
    rules.set(at, [...(rules.get(at) ?? []), ruleOf(key, value, text, all)]);
  }
  return (image) => [...rules.values()].every((tests) => tests.some((test) => test(image)));
}

function ruleOf(key: string, value: string, text: string, all: readonly ImageSummary[]): Test {
  const moment = (): number => {
    const found = all.find((image) => isNamed(image, value) || image.id.includes(value));
    if (found === undefined)
      throw new InvalidOption({ option: "--filter", value: text }, `No such image: ${value}`);
    return builtAt(found);
  };
  switch (key) {
    case "reference":
      return (image) => isNamed(image, value);
    case "label":
      return ({ labels }) => hasLabel(labels, value);
    case "dangling":
      if (!/^(true|false|0|1)$/.test(value))
        throw new InvalidOption(
          { option: "--filter", value: text },
          `invalid filter '${text}': wants true or false`,
        );
      return ({ name }) => name.includes("<none>") === (value === "true" || value === "1");
    case "until": {
      const until = untilOf([text]) ?? Number.POSITIVE_INFINITY;
      return (image) => builtAt(image) < until;
    }
    default: {
      const limit = moment();
      return (image) => (key === "before" ? builtAt(image) < limit : builtAt(image) > limit);
    }
  }
}

/** In milliseconds since 1970; 0: nobody says. */
export function builtAt({ created }: ImageSummary): number {
  return created === undefined ? 0 : Date.parse(created);
}

/** Whether an image goes by a name, with or without tag; `*` and `?` stand for what is not `/`. */
export function isNamed({ name }: ImageSummary, pattern: string): boolean {
  const at = name.lastIndexOf(":");
  const repository = at > name.lastIndexOf("/") ? name.slice(0, at) : name;
  const glob = new Bun.Glob(pattern);
  return glob.match(name) || glob.match(repository);
}
