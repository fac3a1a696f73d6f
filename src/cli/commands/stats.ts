/** `teu stats`: what containers use. Docker's columns. */
import { print } from "../../base/index.ts";
import { type ContainerUsage, openEngine, watchUsage } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { isReaderGone, READER_GONE } from "../reader.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeSize, encodeTable } from "../text.ts";

const HEADINGS: Readonly<Record<string, string>> = {
  ID: "CONTAINER ID",
  Name: "NAME",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};
const CLEAR = "\x1b[H\x1b[J";

export const command = teuCommand({
  name: "teu stats",
  summary: "Show what containers use, again and again",
  description:
    "Without CONTAINER: all that run. The processor's share is that of one processor: 200 % are two.",
  flags: {
    all: {
      kind: "boolean",
      short: "a",
      summary: "For scripts that are written for docker: what has ended uses nothing",
      hidden: true,
    },
    "no-trunc": { kind: "boolean", summary: "Cut nothing short" },
    "no-stream": { kind: "boolean", summary: "Once, over a second" },
    format: FORMAT_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "CONTAINER", isOptional: true, isRepeated: true }],
  examples: [{ command: "teu stats --no-stream --format '{{.Name}} {{.CPUPerc}}'", says: "For a script" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const format = formatOf(flags.format);
    const isOnce = flags["no-stream"];
    const isScreen = !isOnce && !flags.json && format === undefined && process.stdout.isTTY;
    for await (const usage of watchUsage(store, names)) {
      const rows = usage.map((one) => fieldsOf(one, flags["no-trunc"]));
      if (isScreen) print(CLEAR);
      const table = () =>
        encodeTable(
          Object.values(HEADINGS),
          rows.map((row) => Object.keys(HEADINGS).map((key) => row[key] ?? "")),
        );
      const text = flags.json
        ? usage.map((one) => `${JSON.stringify(one)}\n`).join("")
        : format
          ? formatList(format, rows, HEADINGS)
          : table();
      if (!print(text)) return READER_GONE;
      if (isOnce) return 0;
      // Nothing was to be written where nothing runs.
      if (isReaderGone()) return READER_GONE;
    }
    return 0;
  },
});

function fieldsOf(
  { id, name, cpuPercent, counters }: ContainerUsage,
  isWhole: boolean,
): Record<string, string> {
  const shown = isWhole ? id : id.slice(0, 12);
  const { memoryBytes, memoryLimitBytes, pids } = counters;
  return {
    ID: shown,
    Container: shown,
    Name: name,
    CPUPerc: percent(cpuPercent),
    MemUsage: `${encodeBinary(memoryBytes)} / ${encodeBinary(memoryLimitBytes)}`,
    MemPerc: percent((100 * memoryBytes) / memoryLimitBytes),
    NetIO: pair(counters.receivedBytes, counters.sentBytes),
    BlockIO: pair(counters.blockReadBytes, counters.blockWrittenBytes),
    PIDs: `${pids}`,
  };
}

function percent(value: number): string {
  return `${value.toFixed(2)}%`;
}

function pair(a: number, b: number): string {
  return [a, b].map((bytes) => encodeSize(bytes).replace(" ", "")).join(" / ");
}

/** `1.5MiB`: memory is counted in powers of 1024. */
function encodeBinary(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}
