/**
 * The challenges of a 401 answer.
 * Source: RFC 9110 section 11.6.1, WWW-Authenticate; distribution's token authentication (Bearer with realm, service,
 * scope, error). Several challenges may share one header line, and quoted values hold commas (`pull,push`).
 */

/** One challenge: the scheme in lower case, its parameters by lower-case name. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const SPACE = /[\s,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const EQUALS = /\s*=\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const BARE = /[^\s,]*/y;
const MAX_HEADER = 16_384;

/** Parses a `WWW-Authenticate` value; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, MAX_HEADER);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found;
  };
  for (;;) {
    take(SPACE);
    const word = take(TOKEN)?.[0];
    if (word === undefined) return challenges;
    // A word before `=` is a parameter of the challenge that is open; any other word opens the next one.
    if (take(EQUALS) === null) {
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      continue;
    }
    const value = take(QUOTED)?.[1]?.replace(/\\(.)/g, "$1") ?? take(BARE)?.[0] ?? "";
    challenges.at(-1)?.parameters.set(word.toLowerCase(), value);
  }
}
