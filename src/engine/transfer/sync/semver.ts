/**
 * Versions, and what is asked of them, as the lists of images to mirror write it: `>= 3.14`, `~1.2`, `^2.0, != 2.0.1`, `1.2 - 1.4`, `1.x || 3.*`.
 * Source: semver.org 2.0.0; the constraints of Masterminds' semver 3, which is where such files come from.
 */

/** `v1.2` is 1.2.0. */
interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number];
  readonly prerelease: readonly string[];
}

/** Whether a tag is a version that fits. What is no version does not. */
export type Constraint = (tag: string) => boolean;

const VERSION = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
const OPERATORS = "=|==|!=|>=|=>|<=|=<|>|<|~>|~|\\^";
const PART = "[0-9]+|[xX*]";
const BOUND = `v?(?:${PART})(?:\\.(?:${PART}))?(?:\\.(?:${PART}))?(?:-[0-9A-Za-z.-]+)?(?:\\+[0-9A-Za-z.-]+)?`;
const TERM = new RegExp(`^\\s*,?\\s*(${OPERATORS})?\\s*(${BOUND})(?=$|[\\s,])`);
const RANGE = new RegExp(`(${BOUND})\\s+-\\s+(${BOUND})`, "g");

/** Parses a constraint; undefined: it is none. */
export function parseConstraint(text: string): Constraint | undefined {
  const alternatives = text.split("||").map(parseAll);
  if (!alternatives.every((one) => one !== undefined)) return undefined;
  return (tag) => {
    const version = parseVersion(tag);
    return version !== undefined && alternatives.some((all) => all.every((fits) => fits(version)));
  };
}

type Term = (version: Version) => boolean;

function parseAll(text: string): readonly Term[] | undefined {
  let rest = text.replace(RANGE, ">=$1 <=$2").trim();
  if (rest === "") return undefined;
  const terms: Term[] = [];
  while (rest !== "") {
    const [whole, operator = "=", bound = ""] = TERM.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    terms.push(termOf(operator, bound));
    rest = rest.slice(whole.length).trim();
  }
  return terms;
}

function parseVersion(text: string): Version | undefined {
  const [whole, major, minor = "0", patch = "0", prerelease] = VERSION.exec(text) ?? [];
  if (whole === undefined || prerelease?.split(".").includes("")) return undefined;
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split("."),
  };
}

/** @param bound  May leave out numbers at its end, or have x for them. */
function termOf(operator: string, bound: string): Term {
  const [core = "", ...extra] = bound.replace(/^v/, "").replace(/\+.*/, "").split("-");
  const parts = core.split(".");
  const firstWild = [0, 1, 2].find((index) => !/^\d+$/.test(parts[index] ?? ""));
  /** How many numbers are said. */
  const said = firstWild ?? 3;
  const at = (index: number): number => (index < said ? Number(parts[index]) : 0);
  const limit: Version = {
    numbers: [at(0), at(1), at(2)],
    prerelease: extra.length === 0 ? [] : extra.join("-").split("."),
  };
  const fits = comparison(operator, limit, said);
  // A version before a release is meant only where the bound is one too.
  return (version) => (version.prerelease.length === 0 || limit.prerelease.length > 0) && fits(version);
}

function comparison(operator: string, limit: Version, said: number): Term {
  const agrees = (version: Version, count: number): boolean =>
    version.numbers.slice(0, count).every((number, index) => number === limit.numbers[index]);
  switch (operator) {
    case "!=":
      return (version) => (said < 3 ? !agrees(version, said) : compare(version, limit) !== 0);
    case ">":
      return (version) => compare(version, limit) > 0 && (said === 3 || !agrees(version, said));
    case "<":
      return (version) => compare(version, limit) < 0;
    case ">=":
    case "=>":
      return (version) => compare(version, limit) >= 0;
    case "<=":
    case "=<":
      return (version) => compare(version, limit) <= 0 || (said < 3 && agrees(version, said));
    case "~":
    case "~>":
      return (version) => compare(version, limit) >= 0 && agrees(version, Math.min(said, 2));
    case "^": {
      // Up to the first number that is not 0, as far as numbers are said.
      const leading = limit.numbers.findIndex((number) => number > 0);
      const count = Math.min(said, leading < 0 ? 3 : leading + 1);
      return (version) => compare(version, limit) >= 0 && agrees(version, count);
    }
    default:
      return (version) => (said < 3 ? agrees(version, said) : compare(version, limit) === 0);
  }
}

/** Source: semver.org, 11. */
function compare(one: Version, other: Version): number {
  for (const [index, number] of one.numbers.entries())
    if (number !== other.numbers[index]) return number - (other.numbers[index] ?? 0);
  if (one.prerelease.length === 0 || other.prerelease.length === 0)
    return other.prerelease.length - one.prerelease.length;
  for (const [index, part] of one.prerelease.entries()) {
    const against = other.prerelease[index];
    if (against === undefined) return 1;
    if (part !== against) return comparePart(part, against);
  }
  return one.prerelease.length - other.prerelease.length;
}

function comparePart(one: string, other: string): number {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (isNumber && isOtherNumber) return Number(one) - Number(other);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return one < other ? -1 : 1;
}
