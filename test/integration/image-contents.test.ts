/** `teu image files` and `teu image diff`: what is in images, here and at a registry. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { needs, root } from "../support/needs.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";

const test = needs(root);

let registry: RegistryProcess;
let store: Store;
const image = (tag: string): string => `${registry.address}/test/app:${tag}`;
const BASE = { "etc/conf": "base", "lib/big": "x".repeat(900), "lib/other": "y".repeat(100) };
beforeAll(async () => {
  if (!root.isMet()) return;
  registry = await startRegistry();
  store = new Store();
  await pushLayers(image("1"), [BASE]);
  await pushLayers(image("2"), [
    BASE,
    { "etc/conf": "more!", "lib/.wh.big": "" },
    { "new/\u001b[31mred": "12" },
  ]);
}, 60_000);
afterAll(async () => {
  if (!root.isMet()) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** What is in the store. */
const blobs = (): string[] => {
  const folder = store.path("root/content/blobs/sha256");
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe("teu image files", () => {
  test("reads an image at its registry, keeps nothing, and says what is wasted", async () => {
    const files = JSON.parse(await store.done("image", "files", "--json", image("2")));
    expect(files).toMatchObject({
      bytes: 1011,
      wastedBytes: 904,
      efficiency: 107 / 1011,
      userWasted: 904 / 7,
    });
    expect(files.wasted).toEqual([
      { path: "/lib/big", bytes: 900, copies: 1 },
      { path: "/etc/conf", bytes: 4, copies: 1 },
    ]);
    expect(files.layers.map(({ wastedBytes }: { wastedBytes: number }) => wastedBytes)).toEqual([904, 0, 0]);
    expect(files.layers[1].changes).toEqual([
      { kind: "changed", path: "/etc/conf", bytes: 5 },
      { kind: "deleted", path: "/lib/big", bytes: 0 },
    ]);
    expect(blobs()).toEqual([]);
  });

  test("a name that would command the reader's terminal does not", async () => {
    const { stdout } = await store.teu("image", "files", "-c", image("2"));
    expect(stdout).toContain("A /new/ [31mred 2 B\n");
    expect(stdout).not.toContain("\u001b");
  });

  test.each([
    [
      ["--ci", "--lowest-efficiency", "0.1", "--highest-user-wasted-percent", "1"],
      1,
      "FAIL  highest-user-wasted-percent: ",
    ],
    [["--ci"], 1, "FAIL  lowest-efficiency: 0.1058, wants at least 0.9\n"],
    [["--ci", "--highest-wasted-bytes", "903"], 1, "FAIL  highest-wasted-bytes: 904, wants at most 903\n"],
    [["--ci", "--highest-wasted-bytes", "904"], 1, "PASS  highest-wasted-bytes: 904, wants at most 904\n"],
  ])("%j: status %d", async (flags, wanted, says) => {
    const { status, stdout } = await store.teu("image", "files", ...flags, image("2"));
    expect(stdout).toContain(says);
    expect(status).toBe(wanted);
  });

  test("an image that wastes nothing passes", async () => {
    const { status, stdout } = await store.teu("image", "files", "--ci", image("1"));
    expect({ status, failed: stdout.includes("FAIL") }).toEqual({ status: 0, failed: false });
  });

  test("--lowest-efficiency wants a ratio", async () => {
    const { status, stderr } = await store.teu("image", "files", "--lowest-efficiency", "95", image("1"));
    expect(stderr).toStartWith(
      `teu: Invalid value "95" of --lowest-efficiency: wants a number from 0 to 1\n`,
    );
    expect(status).not.toBe(0);
  });
});

describe("teu image diff", () => {
  const wanted = "C /etc/conf (content)\nD /lib/big\nA /new\nA /new/ [31mred\n";

  test("compares two images at a registry, and keeps nothing", async () => {
    expect(await store.teu("image", "diff", image("1"), image("2"))).toEqual({
      status: 1,
      stdout: wanted,
      stderr: "",
    });
    expect(blobs()).toEqual([]);
  });

  test("compares one that is here with one at a registry", async () => {
    await using own = new Store();
    await own.done("pull", image("1"));
    expect((await own.teu("image", "diff", image("1"), image("2"))).stdout).toBe(wanted);
    expect(await own.teu("image", "diff", image("1"), image("1"))).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("--layers reads no layer", async () => {
    const { status, stdout } = await store.teu("image", "diff", "--layers", "--json", image("1"), image("2"));
    expect(JSON.parse(stdout).map(({ kind }: { kind: string }) => kind)).toEqual(["same", "added", "added"]);
    expect(status).toBe(1);
  });

  test("says what is not there", async () => {
    const { status, stderr } = await store.teu("image", "diff", image("1"), image("none"));
    expect(stderr).toMatch(/^teu: Cannot pull .*:none: no such image at the registry\n/);
    expect(status).not.toBe(0);
  });
});
