import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enginePaths } from "../paths.ts";
import { notePassing, passingPaths } from "./passing-events.ts";
import { PassingTail } from "./passing-tail.ts";
import type { Records } from "./store.ts";

let store: Records;
const web = { id: "ab12", name: "web", image: "box", settings: { labels: { a: "b", name: "other" } } };

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "teu-passing-"));
  // What tells and reads looks at these alone.
  store = { paths: enginePaths({ TEU_ROOT: folder, TEU_RUN: folder }), namespace: "default" } as Records;
});
afterEach(() => rmSync(store.paths.run, { recursive: true }));

const note = (...actions: string[]) =>
  notePassing(store, web as never, Object.fromEntries(actions.map((action) => [action, { execID: "x" }])));
const actionsOf = (tail: PassingTail) => tail.read().map(({ action }) => action);

test("notePassing() tells image, name and labels, as docker does", () => {
  note("top");
  using tail = new PassingTail(store, false);
  const [event] = tail.read();
  expect(event).toMatchObject({ namespace: "default", type: "container", action: "top", actor: "ab12" });
  expect(event?.attributes).toEqual({ a: "b", image: "box", name: "web", execID: "x" });
  expect(statSync(passingPaths(store).now).mode & 0o777).toBe(0o600);
});

test("PassingTail reads each once, from the beginning or from now on", () => {
  using early = new PassingTail(store, true);
  note("a", "b");
  using late = new PassingTail(store, true);
  using all = new PassingTail(store, false);
  note("c");
  expect(actionsOf(early)).toEqual(["a", "b", "c"]);
  expect(actionsOf(late)).toEqual(["c"]);
  expect(actionsOf(all)).toEqual(["a", "b", "c"]);
  expect(actionsOf(all)).toEqual([]);
});

test("PassingTail passes over a line that was cut short, and waits for the end of one", () => {
  note("a");
  appendFileSync(passingPaths(store).now, '{"namespace":"default","ti\n{"name');
  using tail = new PassingTail(store, false);
  expect(actionsOf(tail)).toEqual(["a"]);
  appendFileSync(passingPaths(store).now, 'space":"default","action":"late"}\n');
  expect(actionsOf(tail)).toEqual(["late"]);
});

test("a full file is put away, once, and both are read", () => {
  const { now, before } = passingPaths(store);
  note("first");
  using tail = new PassingTail(store, true);
  note("a");
  appendFileSync(now, `${" ".repeat(4 << 20)}\n`);
  note("b");
  expect(existsSync(now)).toBe(false);
  note("c");
  expect(actionsOf(tail)).toEqual(["a", "b", "c"]);
  using all = new PassingTail(store, false);
  expect(actionsOf(all)).toEqual(["first", "a", "b", "c"]);
  expect(statSync(before).size).toBeGreaterThan(4 << 20);
});

test("notePassing() tells nothing where nothing can be written, and goes on", () => {
  const { paths } = store;
  notePassing({ ...store, paths: { ...paths, run: `${paths.run}/none` } } as Records, web as never, {
    top: {},
  });
  using tail = new PassingTail(store, false);
  expect(tail.read()).toEqual([]);
});
