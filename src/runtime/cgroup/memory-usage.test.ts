import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkMemoryUsage } from "./memory-usage.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-usage-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "memory.current"), "1000\n");
const paths = { "": folder };

test("config-linux.md#memory: checkBeforeUpdate refuses what is in use already", () => {
  expect(() => checkMemoryUsage({ limit: 1000, checkBeforeUpdate: true }, paths)).toThrow(
    "rejecting memory limit 1000 <= usage 1000",
  );
  expect(() => checkMemoryUsage({ limit: 5000, swap: 999, checkBeforeUpdate: true }, paths)).toThrow(
    "rejecting memory+swap limit 999 <= usage 1000",
  );
});

test("config-linux.md#memory: checkBeforeUpdate takes more, no limit, and what it was not asked to check", () => {
  for (const memory of [{ limit: 1001 }, { limit: -1 }, { limit: 0 }, {}])
    expect(() => checkMemoryUsage({ ...memory, checkBeforeUpdate: true }, paths)).not.toThrow();
  expect(() => checkMemoryUsage({ limit: 1 }, paths)).not.toThrow();
  expect(() => checkMemoryUsage({ limit: 1, checkBeforeUpdate: true }, { memory: folder })).not.toThrow();
});
