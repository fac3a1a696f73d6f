/** Reads what `bun test` reports in JUnit's format: counts, and the names of the tests that were skipped. */

/** How tests ended. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** `file: name` of each. */
  readonly skipped: readonly string[];
}

export const NOTHING: Outcome = { passed: 0, failed: 0, skipped: [] };

export function addOutcomes(one: Outcome, other: Outcome): Outcome {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: [...one.skipped, ...other.skipped],
  };
}

/** A test case: its attributes, and, unless it closes at once, what it holds. */
const CASE = /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** Reads the report of one run. */
export function readOutcome(report: string): Outcome {
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const [, attributes = "", content = ""] of report.matchAll(CASE)) {
    if (content.includes("<failure") || content.includes("<error")) failed++;
    else if (content.includes("<skipped")) skipped.push(nameOf(attributes));
    else passed++;
  }
  return { passed, failed, skipped };
}

function nameOf(attributes: string): string {
  const group = attributeOf(attributes, "classname");
  const name = attributeOf(attributes, "name");
  return `${attributeOf(attributes, "file")}: ${group === "" ? name : `${group} > ${name}`}`;
}

function attributeOf(attributes: string, name: string): string {
  const text = new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
