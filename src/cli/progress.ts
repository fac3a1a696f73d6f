/**
 * Progress of pulls, pushes and copies, on stderr: a line per layer that moves where a person watches, a line per finished layer where output is
 * kept, an object of JSON per event for programs, nothing with -q. docs/reference/progress.md describes the events.
 */
import { printError } from "../base/index.ts";
import type { BlobEvent } from "../distribution/client/index.ts";
import { InvalidOption } from "../engine/index.ts";
import { isTerminal } from "../sys/index.ts";
import { encodeSize, shortDigest } from "./text.ts";

/** What the engine tells while blobs move. */
export interface ProgressPrinter extends Disposable {
  /** The image is not here. Docker's words. */
  readonly missing: (reference: string) => void;
  readonly update: (event: BlobEvent) => void;
  /** Takes away the lines that are being written over, so that others can be printed. */
  readonly clear: () => void;
}

export const PROGRESS_FLAG = {
  kind: "string",
  value: "auto|tty|plain|json|none",
  default: "auto",
  summary: "How progress is shown, on stderr",
} as const;

const MODES = ["auto", "tty", "plain", "json", "none"] as const;
type Mode = (typeof MODES)[number];

const REFRESH_MS = 100;
/** More lines than a small window has could not be taken away again. */
const MOST_LINES = 12;

/**
 * Prints progress as --progress and --quiet say. Disposing clears the lines that were being written over.
 * @param whereKept  What "auto" is where nobody watches.
 * @throws {InvalidOption}
 */
export function progressPrinter(
  flags: { readonly progress: string; readonly quiet: boolean },
  whereKept: "plain" | "none" = "plain",
): ProgressPrinter {
  const mode = modeOf(flags.progress);
  const shown = mode === "auto" ? (isTerminal(2) ? "tty" : whereKept) : mode;
  switch (flags.quiet ? "none" : shown) {
    case "tty":
      return liveLines();
    case "plain":
      return printerOf(missingInWords, plainLine);
    case "json":
      return jsonEvents();
    default:
      return printerOf(nothing, nothing);
  }
}

function modeOf(text: string): Mode {
  const mode = MODES.find((known) => known === text);
  if (mode !== undefined) return mode;
  throw new InvalidOption(
    { option: "--progress", value: text },
    `Invalid value ${JSON.stringify(text)} of --progress: wants one of ${MODES.join(", ")}`,
  );
}

const nothing = (): void => undefined;

function printerOf(
  missing: ProgressPrinter["missing"],
  update: ProgressPrinter["update"],
  clear: () => void = nothing,
): ProgressPrinter {
  return { missing, update, clear, [Symbol.dispose]: clear };
}

function missingInWords(reference: string): void {
  printError(`Unable to find image '${reference}' locally\n`);
}

function plainLine({ kind, blob: { digest, size } }: BlobEvent): void {
  if (kind === "done") printError(`${shortDigest(digest)} ${encodeSize(size)}\n`);
  if (kind === "present") printError(`${shortDigest(digest)} ${encodeSize(size)}, there already\n`);
}

/** Of bytes that move, a blob's events come at most every REFRESH_MS. */
function jsonEvents(): ProgressPrinter {
  const toldAt = new Map<string, number>();
  const tell = (event: object): void => printError(`${JSON.stringify(event)}\n`);
  return printerOf(
    (image) => tell({ event: "missing", image }),
    ({ kind, blob: { digest, mediaType, size }, ...rest }) => {
      const now = performance.now();
      if (kind === "moved" && now - (toldAt.get(digest) ?? Number.NEGATIVE_INFINITY) < REFRESH_MS) return;
      toldAt.set(digest, now);
      tell({ event: kind, digest, mediaType, size, ...("offset" in rest && { offset: rest.offset }) });
    },
  );
}

function liveLines(): ProgressPrinter {
  const blobs = new Map<string, BlobEvent>();
  const begun = new Map<string, { readonly at: number; readonly offset: number }>();
  let shownAt = Number.NEGATIVE_INFINITY;
  let lines = 0;
  const clear = (): void => {
    if (lines > 0) printError(`\r\x1b[${lines}A\x1b[J`);
    lines = 0;
  };
  const update = (event: BlobEvent): void => {
    const now = performance.now();
    blobs.set(event.blob.digest, event);
    if (event.kind === "begun") begun.set(event.blob.digest, { at: now, offset: event.offset });
    if (now - shownAt < REFRESH_MS) return;
    shownAt = now;
    clear();
    const all = [...blobs.values()];
    const moving = all.flatMap((one) =>
      one.kind === "moved" ? [movingLine(one, rateOf(one, begun.get(one.blob.digest), now))] : [],
    );
    const shown = [...moving.slice(0, MOST_LINES), summary(all)];
    lines = shown.length;
    printError(shown.map((line) => `${line}\n`).join(""));
  };
  return printerOf(missingInWords, update, clear);
}

/** `sha256:a1b2c3d4e5f6…  12.3 MB of 45 MB, 8.1 MB/s`. @param rate  Bytes in a second; undefined: not known yet */
export function movingLine(
  { blob, offset }: BlobEvent & { kind: "moved" },
  rate: number | undefined,
): string {
  const speed = rate === undefined ? "" : `, ${encodeSize(rate)}/s`;
  return `${shortDigest(blob.digest)}  ${encodeSize(offset)} of ${encodeSize(blob.size)}${speed}`;
}

function rateOf(
  { offset }: BlobEvent & { kind: "moved" },
  begun: { readonly at: number; readonly offset: number } | undefined,
  now: number,
): number | undefined {
  if (begun === undefined || now - begun.at < REFRESH_MS) return undefined;
  return ((offset - begun.offset) / (now - begun.at)) * 1000;
}

/** `2 of 5 blobs, 12.3 MB of 45 MB`. */
export function summary(blobs: readonly BlobEvent[]): string {
  const moved = blobs.reduce((sum, event) => sum + ("offset" in event ? event.offset : event.blob.size), 0);
  const total = blobs.reduce((sum, { blob }) => sum + blob.size, 0);
  const finished = blobs.filter(({ kind }) => kind === "done" || kind === "present").length;
  return `${finished} of ${blobs.length} blobs, ${encodeSize(moved)} of ${encodeSize(total)}`;
}
