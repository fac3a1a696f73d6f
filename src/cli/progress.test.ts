import { expect, test } from "bun:test";
import type { Digest } from "../spec/index.ts";
import { summary } from "./progress.ts";

const blob = (name: string, size: number) => ({ mediaType: "a/b", digest: `sha256:${name}` as Digest, size });

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
