import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { type LogRange, readLog } from "./read.ts";

let directory: HostPath;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "teu-log-")) as HostPath;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, "0")}.000000000Z`;
const line = (second: number, text: string, tag = "F") => `${at(second)} stdout ${tag} ${text}\n`;
const fill = (name: string, ...lines: string[]) => writeFileSync(join(directory, name), lines.join(""));

async function read(range: Partial<LogRange> = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const { content, isWhole } of readLog(directory, { follow: false, ...range }))
    texts.push(Buffer.from(content).toString() + (isWhole ? "" : "…"));
  return texts;
}

test("readLog() reads rotated files first, the oldest of them before", async () => {
  fill("log", line(3, "three"));
  fill("log.1", line(2, "two"));
  fill("log.2", line(1, "one"));
  expect(await read()).toEqual(["one", "two", "three"]);
});

test("readLog() of a container that wrote nothing is empty", async () => {
  expect(await read()).toEqual([]);
});

test("readLog() passes over what is no entry, as a full disk leaves it", async () => {
  fill("log", line(1, "one"), "2026-01-02T03:04:05.0000\n", "\n", line(2, "two"));
  expect(await read()).toEqual(["one", "two"]);
});

const ranges: { says: string; range: Partial<LogRange>; want: string[] }[] = [
  { says: "since is within", range: { since: at(2) }, want: ["two", "par…", "ted", "end…"] },
  { says: "until is without", range: { until: at(2) }, want: ["one"] },
  { says: "the last line may have no end yet", range: { last: 1 }, want: ["end…"] },
  { says: "a line of several parts is one line", range: { last: 2 }, want: ["par…", "ted", "end…"] },
  { says: "more than there are", range: { last: 9 }, want: ["one", "two", "par…", "ted", "end…"] },
  { says: "none", range: { last: 0 }, want: [] },
];
test.each(ranges)("readLog(): $says", async ({ range, want }) => {
  fill("log", line(1, "one"), line(2, "two"), line(3, "par", "P"), line(3, "ted"), line(4, "end", "P"));
  expect(await read(range)).toEqual(want);
});

test("readLog() follows through a rotation to the container's end", async () => {
  fill("log", line(1, "one"));
  const seen: string[] = [];
  for await (const { content } of readLog(directory, { follow: true })) {
    const text = Buffer.from(content).toString();
    seen.push(text);
    if (text === "one") appendFileSync(join(directory, "log"), line(2, "two"));
    if (text === "two") {
      appendFileSync(join(directory, "log"), line(3, "three"));
      renameSync(join(directory, "log"), join(directory, "log.1"));
      fill("log", line(4, "four"));
    }
    if (text === "four") {
      appendFileSync(join(directory, "log"), line(5, "five"));
      writeFileSync(join(directory, "exit"), "{}");
    }
  }
  expect(seen).toEqual(["one", "two", "three", "four", "five"]);
});

test("readLog() misses none of several rotations, one of them while it reads the first file", async () => {
  const rotate = (second: number, text: string) => {
    for (const number of [2, 1])
      if (existsSync(join(directory, `log.${number}`)))
        renameSync(join(directory, `log.${number}`), join(directory, `log.${number + 1}`));
    renameSync(join(directory, "log"), join(directory, "log.1"));
    fill("log", line(second, text));
  };
  fill("log.1", line(1, "one"));
  fill("log", line(2, "two"));
  const seen: string[] = [];
  for await (const { content } of readLog(directory, { follow: true })) {
    const text = Buffer.from(content).toString();
    seen.push(text);
    if (text === "one") rotate(3, "three");
    if (text === "three") {
      rotate(4, "four");
      rotate(5, "five");
    }
    if (text === "five") writeFileSync(join(directory, "exit"), "{}");
  }
  expect(seen).toEqual(["one", "two", "three", "four", "five"]);
});

test("readLog() stops following when it is told to", async () => {
  fill("log", line(1, "one"));
  const stop = new AbortController();
  for await (const _ of readLog(directory, { follow: true }, stop.signal)) stop.abort();
});
