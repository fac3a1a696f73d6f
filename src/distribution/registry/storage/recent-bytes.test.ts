import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../../spec/index.ts";
import { RecentBytes } from "./recent-bytes.ts";
import { openStorage, storeBytes } from "./storage.ts";

test("small manifests are read once, while they and those after them are fewer than 4 MiB; large ones each time", async () => {
  const root = mkdtempSync(join(tmpdir(), "teu-recent-"));
  using storage = openStorage(root);
  const recent = new RecentBytes(storage.content);
  const made = await Promise.all(
    [100, 60_000, 70_000].map(async (size) => {
      const bytes = new Uint8Array(size).fill(size);
      await storeBytes(storage.content, bytes, digestOf(bytes));
      return { digest: digestOf(bytes), bytes };
    }),
  );
  for (const { digest, bytes } of [...made, ...made]) expect(recent.read(digest)).toEqual(bytes);
  const [small, middle, large] = made.map(({ digest }) => digest);
  if (small === undefined || middle === undefined || large === undefined) throw new Error("three were made");
  expect(recent.read(small)).toBe(recent.read(small));
  expect(recent.read(large)).not.toBe(recent.read(large));
  const first = recent.read(small);
  for (let index = 0; index < 80; index++) {
    const bytes = new Uint8Array(60_000).fill(index);
    bytes[0] = 255;
    await storeBytes(storage.content, bytes, digestOf(bytes));
    recent.read(digestOf(bytes));
  }
  expect(recent.read(small)).not.toBe(first);
  rmSync(root, { recursive: true });
});
