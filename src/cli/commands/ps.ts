/** `teu ps`: the containers. Docker's words and columns. */
import { print } from "../../base/index.ts";
import { type ContainerSummary, listContainers, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { encodeAge, encodeTable, printable } from "../text.ts";

export const command = teuCommand({
  name: "teu ps",
  summary: "List containers",
  flags: {
    all: { kind: "boolean", short: "a", summary: "Show those that have ended too" },
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu ps -a", says: "Show every container, running or not" }],
  async run({ flags }, { environment }) {
    const store = await openEngine(environment);
    const shown = listContainers(store).filter(({ phase }) => flags.all || phase !== "exited");
    if (flags.json) print(`${JSON.stringify(shown)}\n`);
    else if (flags.quiet) print(shown.map(({ id }) => `${id.slice(0, 12)}\n`).join(""));
    else print(encodeTable(HEADING, shown.map(row)));
    return 0;
  },
});

const HEADING = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
const COMMAND_CHARACTERS = 20;

function row(container: ContainerSummary): string[] {
  const { id, image, command, createdAt, name } = container;
  const line = printable(command.join(" "));
  const short = line.length > COMMAND_CHARACTERS ? `${line.slice(0, COMMAND_CHARACTERS - 1)}…` : line;
  const now = Date.now();
  return [
    id.slice(0, 12),
    image,
    JSON.stringify(short),
    encodeAge(createdAt, now),
    status(container, now),
    container.ports.map(encodePort).join(", "),
    name,
  ];
}

function encodePort({
  hostAddress,
  hostPort,
  containerPort,
  protocol,
}: ContainerSummary["ports"][number]): string {
  return `${hostAddress || "0.0.0.0"}:${hostPort}->${containerPort}/${protocol}`;
}

function status(container: ContainerSummary, now: number): string {
  const { phase, exitStatus, finishedAt, startedAt, isPaused } = container;
  if (phase === "creating" || (phase === "exited" && startedAt === null)) return "Created";
  if (phase === "exited") return `Exited (${exitStatus}) ${encodeAge(finishedAt ?? now, now)}`;
  return `Up ${encodeAge(startedAt ?? now, now).replace(" ago", "")}${isPaused ? " (Paused)" : ""}`;
}
