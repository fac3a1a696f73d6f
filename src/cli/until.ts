/** `--filter until=TIME` of commands that prune. */
import { InvalidOption, parseMoment } from "../engine/index.ts";

/** In milliseconds since 1970. @throws {InvalidOption} */
export function untilOf(texts: readonly string[]): number | undefined {
  let until: number | undefined;
  for (const text of texts) {
    const [, value] = /^until=(.+)$/.exec(text) ?? [];
    if (value === undefined)
      throw new InvalidOption({ option: "--filter", value: text }, `invalid filter '${text}': wants until=…`);
    until = Date.parse(parseMoment(value));
  }
  return until;
}
