/** `list`: all containers below the root, as runc prints them. */

import { messageOf, printError, TeuError } from "../../base/index.ts";
import { errnoOf, readTextSync } from "../../sys/index.ts";
import { type ListedContainer, listContainers } from "../status.ts";
import { type RuntimeContext, runtimeCommand } from "./context.ts";
import { print } from "./print.ts";
import { type DescribedState, describeState } from "./state.ts";

/** `--format` has two values. The words are runc's. */
export class InvalidFormat extends TeuError<"invalid-format", { format: string }> {
  constructor(context: { format: string }) {
    super("invalid-format", "invalid", context, "invalid format option");
  }
}

export const list = runtimeCommand({
  name: "list",
  summary: "list containers of the given root",
  flags: {
    format: {
      kind: "string",
      short: "f",
      value: "FORMAT",
      default: "table",
      summary: "select one of: table or json",
    },
    quiet: { kind: "boolean", short: "q", summary: "display only container IDs" },
  },
  arguments: [],
  examples: [
    { command: "runc list", says: "List the containers of the default root" },
    { command: "runc --root value list", says: "List the containers of another root" },
  ],
  run({ flags: { format, quiet } }, context) {
    const containers = describeAll(context);
    if (quiet) print(containers.map(({ id }) => `${id}\n`).join(""));
    else if (format === "table") print(encodeTable(containers));
    // Go encodes a list that was never filled as null, and callers expect that.
    else if (format === "json") print(`${containers.length === 0 ? "null" : JSON.stringify(containers)}\n`);
    else throw new InvalidFormat({ format });
    return 0;
  },
});

function describeAll({ root, isRootGiven }: RuntimeContext): DescribedState[] {
  const names = userNames();
  return listOrNone(root, isRootGiven).map(({ state, status, uid }) =>
    describeState(state, status, names.get(uid) ?? `#${uid}`),
  );
}

/** A default root that nobody has made yet has no containers; one that was asked for has to be there. */
function listOrNone(root: string, isRootGiven: boolean): ListedContainer[] {
  try {
    return listContainers(root, (id, error) => printError(`load container ${id}: ${messageOf(error)}\n`));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && !isRootGiven) return [];
    throw error;
  }
}

function userNames(): Map<number, string> {
  const names = new Map<number, string>();
  let text = "";
  try {
    text = readTextSync("/etc/passwd");
  } catch {
    // Without names there are still numbers.
  }
  for (const line of text.split("\n")) {
    const [name = "", , uid] = line.split(":");
    if (uid !== undefined && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}

/** Columns as Go's tabwriter makes them: at least 12 wide, 3 blanks between. */
export function encodeTable(containers: readonly DescribedState[]): string {
  const rows = [
    ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
    ...containers.map(({ id, pid, status, bundle, created, owner }) => [
      id,
      String(pid),
      status,
      bundle,
      created,
      owner,
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(12, ...rows.map((row) => (row[column] ?? "").length + 3)),
  );
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("")}\n`)
    .join("");
}
