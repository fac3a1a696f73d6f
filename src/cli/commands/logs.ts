/** `teu logs`: what a container has written. Docker's flags. */
import { writeAll } from "../../base/index.ts";
import { type LogEntry, logDetails, openEngine, parseMoment, readContainerLog } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { onReaderGone, READER_GONE } from "../reader.ts";

export const command = teuCommand({
  name: "teu logs",
  summary: "Show what a container has written",
  description: `What went to the container's standard output goes to ours, and its standard error to ours.
Times are RFC 3339, seconds since 1970, or how long ago: 90s, 10m, 1h30m.`,
  flags: {
    follow: { kind: "boolean", short: "f", summary: "Go on until the container has ended" },
    tail: { kind: "string", short: "n", value: "NUMBER|all", summary: "Only the last lines", default: "all" },
    timestamps: { kind: "boolean", short: "t", summary: "Show when each line was written" },
    details: {
      kind: "boolean",
      summary: "Show what labels, env and tag of --log-opt tell, before each line",
    },
    since: { kind: "string", value: "TIME", summary: "Only what was written from then on" },
    until: { kind: "string", value: "TIME", summary: "Only what was written before" },
  },
  arguments: [{ name: "CONTAINER" }],
  examples: [
    { command: "teu logs -f web", says: "Watch a container" },
    { command: "teu logs --since 10m -t web", says: "What it wrote in the last ten minutes, with times" },
  ],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const store = await openEngine(environment);
    const { since, until, follow } = flags;
    const last = parseTail(flags.tail);
    const range = {
      follow,
      ...(since !== undefined && { since: parseMoment(since) }),
      ...(until !== undefined && { until: parseMoment(until) }),
      ...(last !== undefined && { last }),
    };
    const details = flags.details ? `${logDetails(store, name)} ` : "";
    const print = entryPrinter(flags.timestamps, details);
    const gone = new AbortController();
    using _reader = follow ? onReaderGone(() => gone.abort()) : undefined;
    for await (const entry of readContainerLog(store, name, range, gone.signal))
      if (!print(entry)) return READER_GONE;
    return gone.signal.aborted ? READER_GONE : 0;
  },
});

/** Whatever is no number means all, as docker has it. */
function parseTail(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** What it gives says whether somebody reads. A line may come in parts: its time and details are told once, at its beginning. */
function entryPrinter(withTime: boolean, details: string): (entry: LogEntry) => boolean {
  const isMidway = { stdout: false, stderr: false };
  return ({ stream, time, content, isWhole }) => {
    const head = isMidway[stream] ? "" : `${withTime ? `${time} ` : ""}${details}`;
    isMidway[stream] = !isWhole;
    const bytes = Buffer.concat([Buffer.from(head), content, Buffer.from(isWhole ? "\n" : "")]);
    return writeAll(stream === "stdout" ? 1 : 2, bytes);
  };
}
