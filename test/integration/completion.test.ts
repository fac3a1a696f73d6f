/** What shells complete: commands, flags, and names of what is there. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
let store: Store;
let image: string;

beforeAll(async () => {
  if (!isAble) return;
  store = new Store();
  await using registry = await startRegistry();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  await store.done("run", "--name", "webserver", "--network", "none", "-v", "pages:/v", image, "true");
  await store.done("network", "create", "backend");
});
afterAll(async () => {
  if (!isAble) return;
  await store.done("rm", "webserver");
  await store.done("volume", "prune", "--all");
  await store[Symbol.asyncDispose]();
});

const completed = async (...words: string[]) =>
  (await store.done("complete", "--", ...words)).split("\n").filter((word) => word !== "");

describe("teu complete", () => {
  test.each([
    [["ru"], ["run", "runtime"]],
    [["network", "con"], ["connect"]],
    [
      ["run", "--netw"],
      ["--network", "--network-alias"],
    ],
    [["rm", ""], ["webserver"]],
    [["rm", "-f", "web"], ["webserver"]],
    [["rm", "x", "w"], ["webserver"]],
    [["cp", "web"], ["webserver:"]],
    [["cp", "webserver:/e"], []],
    [
      ["run", "--network", "b"],
      ["backend", "bridge"],
    ],
    [
      ["run", "--network=b"],
      ["--network=backend", "--network=bridge"],
    ],
    [["run", "-v", "pa"], ["pages"]],
    [["network", "connect", "back"], ["backend"]],
    [["network", "connect", "backend", ""], ["webserver"]],
    [["volume", "rm", ""], ["pages"]],
    [["nosuch", ""], []],
    [["load", "-i", ""], []],
    [["version", "x", ""], []],
  ])("%j", async (words, want) => expect(await completed(...words)).toEqual(want));

  test("names of images, with their colons", async () => {
    expect(await completed("run", image.slice(0, 5))).toEqual([`${image}:latest`]);
    expect(await completed("rmi", `${image}:`)).toEqual([`${image}:latest`]);
  });
});

describe("teu completion", () => {
  test("bash completes by it", async () => {
    const ask = async (line: string): Promise<string[]> => {
      const script = `teu() { "${TEU}" "$@"; }; ${await store.done("completion", "bash")}
        COMP_LINE=${JSON.stringify(line)} COMP_POINT=${line.length}; _teu; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, stderr } = await run(["bash", "-c", script], { env: { ...store.env } });
      expect(stderr).toBe("");
      return stdout.split("\n").filter((word) => word !== "");
    };
    expect(await ask("teu vol")).toEqual(["volume"]);
    expect(await ask("teu rm ")).toEqual(["webserver"]);
    // Bash takes what is after the colon for the word.
    expect(await ask(`teu rmi ${image}:l`)).toEqual(["latest"]);
  });

  test("knows the shells", async () => {
    for (const shell of ["zsh", "fish"])
      expect(await store.done("completion", shell)).toContain("teu complete --");
    expect((await store.teu("completion", "tcsh")).stderr).toContain("wants bash, zsh or fish");
  });
});
