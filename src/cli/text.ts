/** How values look to people: tables, sizes, times, digests. Source: docker's own columns, which people's eyes know. */
import type { Digest } from "../spec/index.ts";

/** Rows under a heading, columns aligned, as docker prints lists. */
export function encodeTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
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

const AGES: readonly (readonly [seconds: number, unit: string])[] = [
  [31_536_000, "year"],
  [2_592_000, "month"],
  [604_800, "week"],
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** `3 hours ago`. */
export function encodeAge(then: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  for (const [length, unit] of AGES) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "less than a second ago";
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
