/** Help text from a command's declared data: usage, what it does, arguments, flags, commands, examples. Plain text, 80 to 100 columns. */
import { encodeArgument, type Flag, type Flags } from "./arguments.ts";
import type { CommandShape, CommandTable } from "./command.ts";

/** The help of one command. */
export function encodeHelp(shape: CommandShape): string {
  const flags = encodeFlags(shape.flags);
  const usage = [shape.name, flags === "" ? "" : "[flags]", ...shape.arguments.map(encodeArgument)];
  return sections([
    `${shape.summary}\n`,
    shape.description === undefined ? "" : `${shape.description}\n`,
    `Usage:\n  ${usage.filter((word) => word !== "").join(" ")}\n`,
    flags === "" ? "" : `Flags:\n${flags}`,
    encodeExamples(shape.examples),
  ]);
}

/** The help of a program or a command that has commands. `shape.arguments` is not shown. */
export function encodeTableHelp(shape: CommandShape, table: CommandTable<never>): string {
  const groups = new Map<string, string[][]>();
  for (const [word, entry] of Object.entries(table)) {
    if (entry.hidden) continue;
    const heading = entry.group ?? "Commands";
    groups.set(heading, [...(groups.get(heading) ?? []), [word, entry.summary]]);
  }
  const flags = encodeFlags(shape.flags);
  return sections([
    `${shape.summary}\n`,
    shape.description === undefined ? "" : `${shape.description}\n`,
    `Usage:\n  ${shape.name} ${flags === "" ? "" : "[flags] "}COMMAND\n`,
    ...[...groups].map(([heading, rows]) => `${heading}:\n${columns(rows)}`),
    flags === "" ? "" : `Flags:\n${flags}`,
    encodeExamples(shape.examples),
    `"${shape.name} COMMAND --help" says more about a command.\n`,
  ]);
}

function sections(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n");
}

function encodeExamples(examples: CommandShape["examples"]): string {
  if (examples.length === 0) return "";
  return `Examples:\n${examples.map(({ command, says }) => `  # ${says}\n  ${command}\n`).join("")}`;
}

/** One line each flag; empty when there are none to show. */
export function encodeFlags(flags: Flags): string {
  return columns(
    Object.entries(flags)
      .filter(([, flag]) => !flag.hidden)
      .map(([name, flag]) => [encodeFlag(name, flag), encodeSummary(flag)]),
  );
}

function encodeFlag(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  if (flag.kind === "boolean") return `${short}--${name}`;
  const canBeBare = flag.kind === "string" && flag.bare !== undefined;
  return `${short}--${name}${canBeBare ? `[=${flag.value}]` : ` ${flag.value}`}`;
}

function encodeSummary(flag: Flag): string {
  const fallback = "default" in flag && flag.default !== undefined ? ` (default ${flag.default})` : "";
  return `${flag.summary}${flag.kind === "list" ? "; may be repeated" : ""}${fallback}`;
}

/** Rows of two, the second aligned. */
function columns(rows: readonly (readonly string[])[]): string {
  const width = Math.max(0, ...rows.map(([left = ""]) => left.length));
  return rows.map(([left = "", right = ""]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}
