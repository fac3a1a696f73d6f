import { expect, test } from "bun:test";
import type { Digest } from "../spec/index.ts";
import { movingLine, summary } from "./progress.ts";

const blob = (name: string, size: number) => ({ mediaType: "a/b", digest: `sha256:${name}` as Digest, size });

test("movingLine() tells bytes and rate", () => {
  const event = { kind: "moved", blob: blob("a".repeat(64), 45e6), offset: 12.3e6 } as const;
  expect(movingLine(event, 8.1e6)).toBe("sha256:aaaaaaaaaaaa…  12.3 MB of 45 MB, 8.1 MB/s");
  expect(movingLine(event, undefined)).toBe("sha256:aaaaaaaaaaaa…  12.3 MB of 45 MB");
});

test("summary() counts what is there, what moves and what is to come", () => {
  expect(
    summary([
      { kind: "present", blob: blob("a", 1000) },
      { kind: "done", blob: blob("b", 2000) },
      { kind: "moved", blob: blob("c", 4000), offset: 500 },
      { kind: "begun", blob: blob("d", 3000), offset: 0 },
    ]),
  ).toBe("2 of 4 blobs, 3.5 kB of 10 kB");
});
