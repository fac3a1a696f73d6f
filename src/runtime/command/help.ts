/** Help in the shape that runc's has: NAME, USAGE, DESCRIPTION, COMMANDS, OPTIONS. */
import type { CommandShape, CommandTable, Flag, Flags } from "../../base/index.ts";

/** The help of one command. */
export function encodeRuncHelp({
  name,
  summary,
  description,
  flags,
  arguments: positional,
  examples,
}: CommandShape): string {
  const options = rows(flags);
  const usage = positional
    .map(({ name: word, isOptional, isRepeated }) => {
      const text = isRepeated ? `${word}...` : word;
      return isOptional ? `[${text}]` : `<${text}>`;
    })
    .join(" ");
  return [
    `NAME:\n   ${name} - ${summary}\n`,
    `USAGE:\n   ${[name, options === "" ? "" : "[command options]", usage].filter(Boolean).join(" ")}\n`,
    description === undefined ? "" : `DESCRIPTION:\n   ${description}\n`,
    examples.length === 0
      ? ""
      : `EXAMPLES:\n${examples.map(({ command, says }) => `   ${says}:\n       # ${command}\n`).join("")}`,
    options === "" ? "" : `OPTIONS:\n${options}`,
  ]
    .filter(Boolean)
    .join("\n");
}

/** The help of the program. */
export function encodeRuncProgramHelp(
  shape: CommandShape,
  version: string,
  table: CommandTable<never>,
): string {
  const { name, summary, description = "", flags } = shape;
  const commands = Object.entries(table)
    .filter(([, { hidden }]) => !hidden)
    .map(([word, entry]) => [word, entry.summary] as const);
  return [
    `NAME:\n   ${name} - ${summary}\n\n${description}\n`,
    `USAGE:\n   ${name} [global options] command [command options] [arguments...]\n`,
    `VERSION:\n   ${version}\n`,
    `COMMANDS:\n${aligned(commands)}`,
    `GLOBAL OPTIONS:\n${rows(flags)}`,
  ].join("\n");
}

function rows(flags: Flags): string {
  return aligned(
    Object.entries(flags)
      .filter(([, { hidden }]) => !hidden)
      .map(([name, flag]) => [flagWords(name, flag), summaryOf(flag)] as const),
  );
}

function flagWords(name: string, flag: Flag): string {
  const value = flag.kind === "boolean" ? "" : " value";
  const short = flag.short === undefined ? "" : `, -${flag.short}${value}`;
  return `--${name}${value}${short}`;
}

function summaryOf(flag: Flag): string {
  const fallback =
    "default" in flag && flag.default !== undefined ? ` (default: ${JSON.stringify(flag.default)})` : "";
  return `${flag.summary}${fallback}`;
}

function aligned(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `   ${left.padEnd(width)}  ${right}\n`).join("");
}
