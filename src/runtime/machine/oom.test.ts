import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InitDied } from "./errors.ts";
import { explainDeath } from "./oom.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-oom-"));
afterAll(() => rmSync(folder, { recursive: true }));

const killed = new InitDied(137, 9);
const v1 = { memory: folder, pids: "/nowhere" };

test.each([
  { says: "v2, killed by the kernel", paths: { "": folder }, count: 1, error: killed, isOom: true },
  { says: "v1, killed by the kernel", paths: v1, count: 2, error: killed, isOom: true },
  // What broke: files of the host's root were asked, as if its path were empty.
  {
    says: "a hybrid without v1's memory, killed by the kernel",
    paths: { "": folder, pids: "/nowhere" },
    count: 1,
    error: killed,
    isOom: true,
  },
  { says: "killed by somebody", paths: { "": folder }, count: 0, error: killed, isOom: false },
  {
    says: "ended by itself",
    paths: { "": folder },
    count: 1,
    error: new InitDied(1, undefined),
    isOom: false,
  },
  { says: "another error", paths: { "": folder }, count: 1, error: new Error("x"), isOom: false },
  { says: "no cgroups", paths: {}, count: 1, error: killed, isOom: false },
])("explainDeath() of $says", ({ paths, count, error, isOom }) => {
  writeFileSync(join(folder, "memory.events"), `low 0\noom_kill ${count}\n`);
  writeFileSync(join(folder, "memory.oom_control"), `under_oom 0\noom_kill ${count}\n`);
  const explained = explainDeath(error, paths, "too low?");
  expect(explained === error).toBe(!isOom);
  expect((explained as Error).message).toBe(isOom ? "too low?" : error.message);
});

// What broke: that error took the place of the first one, and nothing was undone.
test("explainDeath() gives the error itself where the kernel's count cannot be read", () => {
  const unreadable = join(folder, "unreadable");
  mkdirSync(join(unreadable, "memory.events"), { recursive: true });
  mkdirSync(join(unreadable, "memory.oom_control"));
  expect(explainDeath(killed, { "": unreadable }, "too low?")).toBe(killed);
  expect(explainDeath(killed, { memory: unreadable }, "too low?")).toBe(killed);
});
