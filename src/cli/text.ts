/** How values look to people: tables, sizes, times, digests. Source: docker's own columns, which people's eyes know. */
import type { Digest } from "../spec/index.ts";

/** Of a column, without the three blanks after it. */
const LEAST_WIDTH = 7;

/** Rows under a heading, columns aligned, as docker prints lists. */
export function encodeTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(LEAST_WIDTH, ...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("   ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `4.1 kB`: powers of 1000, as docker shows sizes. */
export function encodeSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}

/** `1.2 ms`, `0.85 s`. */
export function encodeDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds.toFixed(1)} ms`;
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** `2026-11-28 02:20:18 +0000 UTC`: as Go prints a time, which is what docker's CreatedAt is. @param at  Milliseconds since 1970. */
export function encodeMoment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** `3 hours ago`. Source: docker/go-units, HumanDuration. */
export function encodeAge(then: number, now: number): string {
  return `${encodeSpan(Math.max(0, Math.floor((now - then) / 1000)))} ago`;
}

function encodeSpan(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(seconds / 3600 + 0.5);
  const days = Math.floor(hours / 24);
  if (seconds < 1) return "Less than a second";
  if (seconds < 60) return count(seconds, "second");
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return count(minutes, "minute");
  if (hours === 1) return "About an hour";
  if (hours < 48) return count(hours, "hour");
  if (days < 14) return count(days, "day");
  if (days < 60) return count(Math.floor(days / 7), "week");
  if (days < 730) return count(Math.floor(days / 30), "month");
  return count(Math.floor(days / 365), "year");
}

/** `sha256:3f1c9a02…`: enough to tell one from another. */
export function shortDigest(digest: Digest | string, length = 12): string {
  const colon = digest.indexOf(":");
  return `${digest.slice(0, colon + 1 + length)}…`;
}

/** `1 layer`, `2 layers`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** `text` of a stranger on one line: an escape sequence in it would command the reader's terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\s\x00-\x1f\x7f-\x9f]+/g, (blanks) => (/^ +$/.test(blanks) ? blanks : " "));
}

/** An address of this machine, "" being every one, and a port of it: `0.0.0.0:80`, `[::1]:80`. */
export function encodePlace(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address || "0.0.0.0"}:${port}`;
}
