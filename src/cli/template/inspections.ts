/** `--format` of commands that inspect things: JSON, or a template for each. */
import { print } from "../../base/index.ts";
import { compileTemplate } from "./evaluate.ts";

/** How it is declared. */
export const INSPECT_FLAG = {
  kind: "string",
  short: "f",
  value: "TEMPLATE",
  summary: "Show this of each: '{{.Name}}'",
} as const;

/** @throws {InvalidOption} */
export function printInspections(format: string | undefined, found: readonly object[]): void {
  if (format === undefined || format === "json") {
    const json = JSON.stringify(found, undefined, format === "json" ? undefined : 2);
    // JSON may have these as they are, and some terminals obey them: U+009B is ESC [.
    print(`${json.replace(/[\u007f-\u009f]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`)}\n`);
    return;
  }
  const render = compileTemplate(format);
  print(found.map((one) => `${render(one)}\n`).join(""));
}
