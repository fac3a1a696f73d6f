import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shortNameCandidates } from "./short-names.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-short-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function candidates(conf: string, name: string) {
  const path = join(folder, "registries.conf");
  writeFileSync(path, conf);
  return shortNameCandidates(name, { CONTAINERS_REGISTRIES_CONF: path });
}
const SEARCH = 'unqualified-search-registries = ["a.example", "b.example:5000"]\n';
const ALIAS = '[aliases]\n"box" = "c.example/team/box"\n"gone" = ""\n';

test.each([
  ["", "box:1", ["box:1"]],
  [SEARCH, "box", ["a.example/box", "b.example:5000/box"]],
  [SEARCH, "team/box:1", ["a.example/team/box:1", "b.example:5000/team/box:1"]],
  [SEARCH, "r.example/box", ["r.example/box"]],
  [SEARCH, "localhost/box", ["localhost/box"]],
  [SEARCH + ALIAS, "box:1", ["c.example/team/box:1"]],
  [SEARCH + ALIAS, "gone", ["a.example/gone", "b.example:5000/gone"]],
  [`short-name-mode = "disabled"\n${SEARCH}${ALIAS}`, "box", ["a.example/box", "b.example:5000/box"]],
  [`short-name-mode = "enforcing"\n${SEARCH}${ALIAS}`, "box", ["c.example/team/box"]],
])("%j: %s", (conf, name, want) => {
  expect(candidates(conf, name)).toEqual(want);
});

test.each([
  [`short-name-mode = "enforcing"\n${SEARCH}`, "forbids to guess between a.example/box, b.example:5000/box"],
  ["unqualified-search-registries = []", "names no registry to look in"],
  ['short-name-mode = "new"', "short-name-mode: wants one of"],
  ["[aliases]\nbox = 5", "aliases.box: wants a text"],
])("%j is refused", (conf, says) => {
  expect(() => candidates(conf, "box")).toThrow(says);
});
