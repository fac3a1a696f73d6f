/** `teu ps`: the containers. Docker's words, columns, filters and templates. */
import { print } from "../../base/index.ts";
import {
  type ContainerSizes,
  type ContainerSummary,
  listContainers,
  openEngineRecords,
} from "../../engine/index.ts";
import { containerFilter, statusOf } from "../container-filter.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { familiarName } from "../familiar-name.ts";
import { LABEL_HEADINGS, labelFields } from "../template/labels.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeAge, encodeMoment, encodePlace, encodeSize, encodeTable, printable } from "../text.ts";

export const command = teuCommand({
  name: "teu ps",
  summary: "List containers",
  flags: {
    all: { kind: "boolean", short: "a", summary: "Show those that have ended too" },
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary:
        "Only those with: name, id, status, label, ancestor, network, volume, publish, expose, health, exited, before, since",
    },
    format: FORMAT_FLAG,
    last: {
      kind: "integer",
      short: "n",
      value: "NUMBER",
      summary: "The last ones that were made, whatever they do",
    },
    latest: { kind: "boolean", short: "l", summary: "The last one that was made" },
    "no-trunc": { kind: "boolean", summary: "Cut nothing short" },
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    size: {
      kind: "boolean",
      short: "s",
      summary: "Show how much each has written, and how much it is with its image",
    },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [
    { command: "teu ps -a", says: "Show every container, running or not" },
    { command: "teu ps --filter label=app=shop --format '{{.Names}}: {{.Status}}'", says: "Some of some" },
  ],
  async run({ flags }, { environment }) {
    const format = formatOf(flags.format);
    const filter = containerFilter(flags.filter);
    const store = await openEngineRecords(environment);
    const all = listContainers(store);
    const last = flags.last !== undefined && flags.last > 0 ? flags.last : undefined;
    const count = flags.latest ? 1 : last;
    const isShown = ({ phase, isRestarting }: ContainerSummary): boolean =>
      flags.all || count !== undefined || filter.asksForEnded || phase !== "exited" || isRestarting;
    const isSized = flags.size || /\.Size\b/.test(flags.format ?? "");
    const sizesOf = isSized ? (await import("../sizes.ts")).sizesOf : undefined;
    const shown = all
      .filter((container) => isShown(container) && filter.isWanted(container, all))
      .slice(0, count)
      .map((container) => ({ ...container, ...sizesOf?.(store, container) }));
    const columns = isSized ? [...COLUMNS, "Size"] : COLUMNS;
    const length = flags["no-trunc"] ? undefined : ID_CHARACTERS;
    if (flags.json) print(`${JSON.stringify(shown)}\n`);
    else if (flags.quiet) print(shown.map(({ id }) => `${id.slice(0, length)}\n`).join(""));
    else if (format !== undefined)
      print(
        formatList(
          format,
          shown.map((container) => fieldsOf(container, flags["no-trunc"])),
          { ...HEADINGS, ...LABEL_HEADINGS },
        ),
      );
    else
      print(
        encodeTable(
          columns.map((key) => HEADINGS[key] ?? ""),
          shown.map((container) => {
            const fields = fieldsOf(container, flags["no-trunc"]);
            return columns.map((key) => String(fields[key]));
          }),
        ),
      );
    return 0;
  },
});

/** Docker's placeholders, and what stands above each in a table. */
const HEADINGS: Readonly<Record<string, string>> = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  RunningFor: "CREATED",
  CreatedAt: "CREATED AT",
  Status: "STATUS",
  State: "STATE",
  Ports: "PORTS",
  Names: "NAMES",
  Networks: "NETWORKS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Size: "SIZE",
};
const COLUMNS = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
/** Docker's words. */
const HEALTH = { starting: "health: starting", healthy: "healthy", unhealthy: "unhealthy" } as const;
const ID_CHARACTERS = 12;
const COMMAND_CHARACTERS = 20;
const MOUNT_CHARACTERS = 15;

/** As docker cuts what stands among others. */
function shortened(text: string): string {
  return text.length > MOUNT_CHARACTERS ? `${text.slice(0, MOUNT_CHARACTERS - 1)}…` : text;
}

/** A name without what docker.io adds and without digest; of what has none any more, the beginning of its ID. */
function shortImage({ imageNow, imageDigest }: ContainerSummary): string {
  const whole = imageDigest.slice(imageDigest.indexOf(":") + 1);
  const text = imageNow.replace(/^sha256:/, "");
  if (text.length >= ID_CHARACTERS && whole.startsWith(text)) return whole.slice(0, ID_CHARACTERS);
  return familiarName(imageNow, { keepsDigest: false });
}

/** With sizes where they were asked for: to count them takes time. */
type Shown = ContainerSummary & Partial<ContainerSizes>;

function fieldsOf(container: Shown, isWhole: boolean): Record<string, unknown> {
  const { id, imageNow, command, createdAt, name, linkedAs, labels, networks, volumes, mounts } = container;
  // As docker has it: an argument with a space is shown to be one.
  const line = printable(command.map((word) => (word.includes(" ") ? `'${word}'` : word)).join(" "));
  const isLong = !isWhole && line.length > COMMAND_CHARACTERS;
  const now = Date.now();
  return {
    ID: isWhole ? id : id.slice(0, ID_CHARACTERS),
    Image: isWhole ? imageNow : shortImage(container),
    Command: JSON.stringify(isLong ? `${line.slice(0, COMMAND_CHARACTERS - 1)}…` : line),
    RunningFor: encodeAge(createdAt, now),
    CreatedAt: encodeMoment(createdAt),
    Status: status(container, now),
    State: statusOf(container),
    Ports: encodePorts(container),
    Names: [name, ...(isWhole ? linkedAs : [])].join(","),
    ...labelFields(labels),
    Networks: networks.join(","),
    Mounts: mounts.map(({ source }) => (isWhole ? source : shortened(source))).join(","),
    LocalVolumes: `${volumes.length}`,
    Size: encodeSizes(container),
  };
}

function encodeSizes({ writableBytes, rootBytes }: Shown): string {
  if (writableBytes === undefined || rootBytes === undefined) return "0B"; // as docker has it, of what it was not asked for
  const [written, all] = [writableBytes, rootBytes].map((bytes) => encodeSize(bytes).replace(" ", ""));
  return `${written} (virtual ${all})`;
}

/** Of one that runs: what is served and leads nowhere, then what is published. */
function encodePorts({ phase, exposed, ports }: ContainerSummary): string {
  if (phase !== "running") return "";
  const alone = exposed.filter(
    ({ containerPort, protocol }) =>
      !ports.some((port) => port.containerPort === containerPort && port.protocol === protocol),
  );
  return [
    ...alone.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`),
    ...ports.map(encodePort),
  ].join(", ");
}

function encodePort({
  hostAddress,
  hostPort,
  containerPort,
  protocol,
}: ContainerSummary["ports"][number]): string {
  return `${encodePlace(hostAddress, hostPort)}->${containerPort}/${protocol}`;
}

function status(container: ContainerSummary, now: number): string {
  const { exitStatus, finishedAt, startedAt, isPaused, health } = container;
  const state = statusOf(container);
  if (state === "created") return "Created";
  if (state === "exited" || state === "restarting")
    return `${state === "exited" ? "Exited" : "Restarting"} (${exitStatus}) ${encodeAge(finishedAt ?? now, now)}`;
  const more = isPaused ? " (Paused)" : health === undefined ? "" : ` (${HEALTH[health]})`;
  return `Up ${encodeAge(startedAt ?? now, now).replace(" ago", "")}${more}`;
}
