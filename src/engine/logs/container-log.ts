/** The log of a container by its name, and the moments by which people cut it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRuntimeConfig } from "../../spec/index.ts";
import { findContainer } from "../container/find.ts";
import { InvalidOption } from "../options/error.ts";
import { isCached } from "../options/log.ts";
import { abortOnSignal } from "../run/signals.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { withTag } from "./attrs.ts";
import type { LogEntry } from "./entry.ts";
import { encodeExtras, extrasOf } from "./extras.ts";
import { type LogRange, readLog } from "./read.ts";
import { fieldName, LogNotReadable } from "./sink.ts";

/** A timer runs no longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the container that `text` names has written. Ends at ctrl-C too, and with `signal`. */
export async function* readContainerLog(
  store: Store,
  text: string,
  range: LogRange,
  signal?: AbortSignal,
): AsyncGenerator<LogEntry> {
  const { id, phase, settings } = findContainer(store, text);
  const { driver = "local" } = settings.log ?? {};
  if (driver === "none" || (settings.log && !isCached(settings.log)))
    throw new LogNotReadable({ driver }, "All are but none, and what was not to be kept: cache-disabled");
  using interrupt = abortOnSignal();
  // One that has ended writes no more, whoever saw its end; and what is written from now on is not before a moment that has passed.
  const untilMs = range.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(range.until);
  const leftMs = untilMs - Date.now();
  const follow = range.follow && phase !== "exited" && leftMs > 0;
  const ends = [interrupt.signal, ...(signal === undefined ? [] : [signal])];
  const ended = AbortSignal.any(
    follow && leftMs < MAX_TIMER_MS ? [...ends, AbortSignal.timeout(leftMs)] : ends,
  );
  const directory = containerDirectory(store, id);
  if (driver === "journald") {
    const { readJournal } = await import("./journal.ts");
    yield* readJournal(id, directory, { ...range, follow }, ended);
  } else yield* readLog(directory, { ...range, follow }, ended);
}

/** What `labels`, `env` and `tag` of its --log-opt tell of the container beside its lines, as one word. */
export function logDetails(store: Store, text: string): string {
  const container = findContainer(store, text);
  const { log, labels = {} } = container.settings;
  if (log === undefined) return "";
  const config = join(containerDirectory(store, container.id), "config.json");
  const environment = existsSync(config)
    ? (parseRuntimeConfig(readFileSync(config, "utf8")).process?.env ?? [])
    : [];
  const extras = extrasOf(log, labels, environment);
  if (log.driver === "journald")
    return encodeExtras([
      ["IMAGE_NAME", container.image],
      ...extras.map(([name, value]): [string, string] => [fieldName(name), value]),
    ]);
  return encodeExtras(withTag(log, container, extras));
}

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/**
 * A moment as the log has them, from RFC 3339, seconds since 1970 or how long ago (`1h30m`; `-10s` is still to come). Docker's rules.
 * @throws {InvalidOption}
 */
export function parseMoment(text: string, nowMs = Date.now()): string {
  if (/^\d+(\.\d+)?$/.test(text)) {
    const [seconds = "0", fraction = ""] = text.split(".");
    return inLog(new Date(Number(seconds) * 1000), fraction);
  }
  const [, sign = "", span = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const parts = [...span.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join("") === span) {
    const agoMs = parts.reduce((sum, [, number, unit]) => sum + Number(number) * unitOf(unit), 0);
    return inLog(new Date(sign === "-" ? nowMs + agoMs : nowMs - agoMs), "");
  }
  const match = /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const date = new Date(match === null ? Number.NaN : `${match[1]}${match[3] ?? zoneOf(match[1])}`);
  if (Number.isNaN(date.getTime()))
    throw new InvalidOption(
      { option: "time", value: text },
      `Invalid time ${JSON.stringify(text)}: wants RFC 3339, seconds since 1970, or how long ago, as in 1h30m`,
    );
  return inLog(date, match?.[2] ?? "");
}

function unitOf(unit: string | undefined): number {
  return UNITS_MS[unit as keyof typeof UNITS_MS]; // the pattern has no others
}

/** Without a zone a time is of ours, a day alone is of UTC: as Date reads them. */
function zoneOf(text: string | undefined): string {
  return text?.includes("T") === true ? "" : "T00:00:00Z";
}

function inLog(date: Date, fraction: string): string {
  const whole = date.toISOString();
  return fraction === ""
    ? `${whole.slice(0, -1)}000000Z`
    : `${whole.slice(0, 19)}.${fraction.padEnd(9, "0")}Z`;
}
