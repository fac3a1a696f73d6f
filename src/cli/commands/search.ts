/** `teu search`: repositories of a registry by a part of their name, with docker's and podman's flags. */
import { print } from "../../base/index.ts";
import { listRemoteTags, type SearchResult, searchRemote } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";
import { searchFilter } from "../search-filter.ts";
import { FORMAT_FLAG, formatList } from "../template/list.ts";
import { encodeTable, printable } from "../text.ts";

const DEFAULT_LIMIT = 25;
/** So much of a description fits on a line; docker's number. */
const DESCRIPTION_LENGTH = 45;

export const command = teuCommand({
  name: "teu search",
  summary: "Search a registry for repositories",
  description: `Asks the registry's own search where it has one, as docker.io, Quay and teu's registry do; else the list of its repositories is gone
through. REGISTRY/ alone lists what there is. Only what we may see is found.`,
  flags: {
    limit: { kind: "integer", value: "N", summary: `At most so many (default ${DEFAULT_LIMIT})` },
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary: "Only those with: stars=N or more, is-official=true, is-automated=true",
    },
    "list-tags": { kind: "boolean", summary: "List the tags of the repository REGISTRY/TERM" },
    format: FORMAT_FLAG,
    "no-trunc": { kind: "boolean", summary: "Print descriptions whole" },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "REGISTRY/TERM" }],
  examples: [
    { command: "teu search registry.example/app", says: "Find repositories with app in their name" },
    { command: "teu search --list-tags registry.example/team/app", says: "See which versions one has" },
  ],
  async run(parsed, { environment }) {
    const { flags, arguments: words } = parsed;
    const [text = ""] = words;
    const isWanted = searchFilter(flags.filter);
    const options = { access: registryAccess(parsed), environment, limit: flags.limit ?? DEFAULT_LIMIT };
    if (flags["list-tags"]) {
      const tags = await Array.fromAsync(listRemoteTags(text, options));
      printRows(
        flags,
        tags.map((tag) => ({ name: text, tag })),
        tags.map((tag) => ({ Name: printable(text), Tag: printable(tag) })),
        { Name: "NAME", Tag: "TAG" },
      );
      return 0;
    }
    const found = (await searchRemote(text, options)).filter(isWanted);
    const rows = found.map((result) => rowOf(result, flags["no-trunc"]));
    printRows(flags, found, rows, {
      Name: "NAME",
      Description: "DESCRIPTION",
      StarCount: "STARS",
      IsOfficial: "OFFICIAL",
    });
    return 0;
  },
});

/** Docker's names, and podman's. */
function rowOf(result: SearchResult, isWhole: boolean): Readonly<Record<string, string>> {
  const description = printable(result.description.replace(/\s+/g, " ").trim());
  const official = result.isOfficial ? "[OK]" : "";
  const automated = result.isAutomated ? "[OK]" : "";
  const isLong = !isWhole && description.length > DESCRIPTION_LENGTH;
  return {
    Index: result.registry,
    Name: printable(result.name),
    Description: isLong ? `${description.slice(0, DESCRIPTION_LENGTH - 1)}…` : description,
    StarCount: `${result.stars}`,
    Stars: `${result.stars}`,
    IsOfficial: official,
    Official: official,
    IsAutomated: automated,
    Automated: automated,
  };
}

function printRows(
  { json, format }: { readonly json: boolean; readonly format: string | undefined },
  values: readonly unknown[],
  rows: readonly Readonly<Record<string, string>>[],
  headings: Readonly<Record<string, string>>,
): void {
  if (json) print(`${JSON.stringify(values)}\n`);
  else if (format !== undefined) print(formatList(format, rows, { ...ALL_HEADINGS, ...headings }));
  else
    print(
      encodeTable(
        Object.values(headings),
        rows.map((row) => Object.keys(headings).map((key) => row[key] ?? "")),
      ),
    );
}

const ALL_HEADINGS = {
  Index: "INDEX",
  Stars: "STARS",
  Official: "OFFICIAL",
  IsAutomated: "AUTOMATED",
  Automated: "AUTOMATED",
  Tag: "TAG",
};
