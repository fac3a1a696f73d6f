/**
 * What the documentation tells people to type works: the blocks of a page that are marked "sh run" are run, in order, in one
 * shell and an empty folder. Links between pages lead somewhere.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { commandsPage } from "../../scripts/generate-commands.ts";
import { needs, program, root } from "../support/needs.ts";
import { findLeftovers } from "./support/leftovers.ts";
import { run, TEU } from "./teu.ts";

const TOP = join(import.meta.dir, "../..");
const PAGES = [
  ...readdirSync(TOP).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(TOP, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
].sort();

const textOf = (page: string): string => readFileSync(join(TOP, page), "utf8");
const blocksOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^```sh run\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);

const folder = mkdtempSync(join(tmpdir(), "teu-documentation-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("commands in the documentation", () => {
  const pages = PAGES.filter((page) => blocksOf(page).length > 0);

  test("there are some", () => expect(pages.length).toBeGreaterThan(0));

  needs(root, program("busybox")).each(pages)("%s: every block that is marked runs", async (page) => {
    for (const name of ["teu", "teu-runtime"])
      if (!existsSync(join(folder, name))) symlinkSync(TEU, join(folder, name));
    const home = mkdtempSync(join(folder, "page-"));
    const env = {
      PATH: `${folder}:${process.env["PATH"] ?? ""}`,
      XDG_RUNTIME_DIR: join(home, "run"),
      TEU_ROOT: join(home, "root"),
      TEU_RUN: join(home, "run"),
    };
    const script = `set -euo pipefail\n${blocksOf(page).join("\n")}`;
    const result = await run(["bash", "-c", script], { env, cwd: home });
    // Of the subnets that this machine has, the networks of a store that is gone would keep theirs.
    if (existsSync(join(home, "root")))
      expect(await run([TEU, "network", "prune"], { env })).toMatchObject({ status: 0 });
    expect(result.stderr).toBe("");
    expect(result.status).toBe(0);
    expect(findLeftovers([home])).toEqual([]);
  });
});

// Written anew by `bun scripts/generate-commands.ts --write`.
test("the reference of the commands says what they say", async () => {
  expect(textOf("docs/reference/commands.md")).toBe(await commandsPage());
});

describe("links in the documentation", () => {
  test.each(PAGES)("%s: every file that is linked to exists", (page) => {
    const links = [...textOf(page).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link = ""]) => link);
    const missing = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => relative(TOP, join(TOP, dirname(page), link)))
      .filter((path) => !existsSync(join(TOP, path)));
    expect(missing).toEqual([]);
  });

  test.each(PAGES)("%s: every file of the repository that is named exists", (page) => {
    const names = [...textOf(page).matchAll(/`((?:src|native|test|scripts|docs|bench)\/[\w./-]+)`/g)].map(
      ([, name = ""]) => name,
    );
    expect(names.filter((name) => !existsSync(join(TOP, name)))).toEqual([]);
  });
});
