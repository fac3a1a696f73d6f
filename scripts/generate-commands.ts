/**
 * Writes docs/reference/commands.md from the declared data of the commands: `bun scripts/generate-commands.ts`. Without --write the page goes
 * to stdout, and a test compares it with what is there.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandTable, encodeHelp } from "../src/base/index.ts";
import type { CliContext } from "../src/cli/context.ts";
import { COMMANDS } from "../src/cli/table.ts";

const PAGE = join(import.meta.dir, "../docs/reference/commands.md");
const HEAD = `# The commands of teu

Written by \`bun scripts/generate-commands.ts --write\` from the commands themselves; what \`teu COMMAND --help\` shows. \`teu runtime\` has runc's command line.
`;

/** Each command once, whatever other names it has. */
const seen = new Set<string>();

async function pagesOf(table: CommandTable<CliContext>): Promise<string[]> {
  const pages: string[] = [];
  for (const { hidden, load } of Object.values(table)) {
    if (hidden) continue;
    const { shape, table: below } = await load();
    if (below !== undefined) pages.push(...(await pagesOf(below)));
    else if (!seen.has(shape.name)) {
      seen.add(shape.name);
      pages.push(`## ${shape.name}\n\n\`\`\`\n${encodeHelp(shape).trimEnd()}\n\`\`\`\n`);
    }
  }
  return pages;
}

/** The page as it should be. */
export async function commandsPage(): Promise<string> {
  return `${[HEAD, ...(await pagesOf(COMMANDS))].join("\n")}`;
}

if (import.meta.main) {
  const page = await commandsPage();
  if (process.argv.includes("--write")) writeFileSync(PAGE, page);
  else process.stdout.write(page);
}
