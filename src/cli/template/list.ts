/**
 * `--format` of commands that list things: a template for each, `table TEMPLATE` with a heading, or `json`, an object a line.
 * Source: docker's formatting reference.
 */
import { encodeTable } from "../text.ts";
import { compileTemplate } from "./evaluate.ts";

/** How `--format` is declared. */
export const FORMAT_FLAG = {
  kind: "string",
  value: "TEMPLATE|json",
  summary: "Show each by a template: '{{.Names}}', 'table {{.ID}}\\t{{.Names}}'",
} as const;

/** Undefined: as without the flag, which is what an empty one and `table` alone mean. */
export function formatOf(flag: string | undefined): string | undefined {
  return flag === "" || flag === "table" ? undefined : flag;
}

/**
 * The lines for `items`.
 * @param headings  What stands above each field, in a table.
 * @throws {InvalidOption}
 */
export function formatList(
  format: string,
  items: readonly Readonly<Record<string, unknown>>[],
  headings: Readonly<Record<string, unknown>>,
): string {
  if (format === "json") return items.map((item) => `${JSON.stringify(item)}\n`).join("");
  // As docker has it: in a template on a command line these are what people mean.
  const template = format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const [, table] = /^table\s+(.*)$/s.exec(template) ?? [];
  const render = compileTemplate(table ?? template);
  if (table === undefined) return items.map((item) => `${render(item)}\n`).join("");
  const [heading = [], ...rows] = [headings, ...items].map((item) => render(item).split("\t"));
  return encodeTable(heading, rows);
}
