/** `--filter` of `teu search`, with docker's and podman's keys: all of them must be met. */
import { InvalidOption, type SearchResult } from "../engine/index.ts";

/** Whether a result is what `texts` ask for. @throws {InvalidOption} */
export function searchFilter(texts: readonly string[]): (result: SearchResult) => boolean {
  const tests = texts.map((text): ((result: SearchResult) => boolean) => {
    const [key = "", value = ""] = text.split(/=(.*)/s);
    if (key === "stars" && /^\d{1,9}$/.test(value)) return ({ stars }) => stars >= Number(value);
    const isWanted = TRUTHS[value];
    if (key === "is-official" && isWanted !== undefined) return ({ isOfficial }) => isOfficial === isWanted;
    if (key === "is-automated" && isWanted !== undefined)
      return ({ isAutomated }) => isAutomated === isWanted;
    throw new InvalidOption(
      { option: "--filter", value: text },
      `Invalid filter ${JSON.stringify(text)}: wants stars=NUMBER, is-official=true|false or is-automated=true|false`,
    );
  });
  return (result) => tests.every((isMet) => isMet(result));
}

const TRUTHS: Readonly<Record<string, boolean | undefined>> = {
  true: true,
  "1": true,
  false: false,
  "0": false,
};
