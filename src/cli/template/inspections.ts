/** `--format` of commands that inspect things: JSON, or a template for each. */
import { print } from "../../base/index.ts";
import { forEachName } from "../../engine/index.ts";
import { compileTemplate } from "./evaluate.ts";

/** How it is declared. */
export const INSPECT_FLAG = {
  kind: "string",
  short: "f",
  value: "TEMPLATE",
  summary: "Show this of each: '{{.Name}}'",
} as const;

/** Prints what is known of one thing, which is no list, as JSON either. @throws {InvalidOption} */
export function printFacts(format: string, facts: object): void {
  print(`${format === "json" ? encode(facts, true) : compileTemplate(format)(facts)}\n`);
}

/**
 * Prints what is known of each of `names`. What is found is printed, whatever becomes of the others; as JSON it is one list.
 * @throws {InvalidOption} {NotAllDone}
 */
export async function printInspections(
  format: string | undefined,
  names: readonly string[],
  look: (name: string) => object | Promise<object>,
): Promise<void> {
  const isJSON = format === undefined || format === "" || format === "json";
  const render = isJSON ? undefined : compileTemplate(format);
  const found: object[] = [];
  const lookAt = async (name: string) => {
    const one = await look(name);
    if (render === undefined) found.push(one);
    else print(`${render(one)}\n`);
  };
  try {
    await forEachName(names, lookAt);
  } finally {
    if (isJSON) print(`${encode(found, format === "json")}\n`);
  }
}

/** JSON may have these as they are, and some terminals obey them: U+009B is ESC [. */
function encode(found: object, isOneLine: boolean): string {
  const json = JSON.stringify(found, undefined, isOneLine ? undefined : 2);
  return json.replace(/[\u007f-\u009f]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
}
