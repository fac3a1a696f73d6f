/** `--filter` of `teu image prune`. Docker's keys; all that are given must fit. */
import { InvalidOption } from "../engine/index.ts";
import { hasLabel } from "./label-filter.ts";
import { untilOf } from "./until.ts";

/** Which images are meant. */
export interface ImageFilter {
  /** In milliseconds since 1970. */
  readonly until?: number;
  readonly isLabelled: (labels: Readonly<Record<string, string>>) => boolean;
}

/** @throws {InvalidOption} */
export function imageFilter(texts: readonly string[]): ImageFilter {
  const rest: string[] = [];
  const rules: ((labels: Readonly<Record<string, string>>) => boolean)[] = [];
  for (const text of texts) {
    const [, key, value = ""] = /^(label!?|until)=(.+)$/s.exec(text) ?? [];
    if (key === "until") rest.push(text);
    else if (key === "label") rules.push((labels) => hasLabel(labels, value));
    else if (key === "label!") rules.push((labels) => !hasLabel(labels, value));
    else
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants until=…, label=…, label!=…`,
      );
  }
  const until = untilOf(rest);
  return {
    ...(until !== undefined && { until }),
    isLabelled: (labels) => rules.every((rule) => rule(labels)),
  };
}
