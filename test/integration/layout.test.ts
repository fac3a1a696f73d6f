/** The store's content is an OCI image layout that skopeo and umoci read, under the names that `teu images` shows; and `teu image prune`. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { needs, program, root } from "../support/needs.ts";
import { peer, unpackByUmoci } from "./support/images.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { describeTree } from "./support/tree.ts";

const test = needs(root);
const withPeers = needs(root, program("umoci"), program("skopeo"));

let registry: RegistryProcess;
const name = (tag: string): string => `${registry.address}/test/app:${tag}`;
beforeAll(async () => {
  if (!root.isMet()) return;
  registry = await startRegistry();
  await pushLayers(name("1"), [{ "etc/version": "1" }, { app: "app" }]);
  await pushLayers(name("2"), [{ "etc/version": "2" }], { config: { Labels: { keep: "yes" } } });
}, 60_000);
afterAll(async () => {
  if (root.isMet()) await registry[Symbol.asyncDispose]();
});

const layoutOf = (store: Store): string => store.path("root/content");
const namesIn = (store: Store): string[] =>
  JSON.parse(readFileSync(`${layoutOf(store)}/index.json`, "utf8")).manifests.map(
    ({ annotations }: { annotations: Record<string, string> }) =>
      annotations["org.opencontainers.image.ref.name"],
  );

describe("the store as a layout", () => {
  withPeers("skopeo and umoci read an image by its name", async () => {
    await using store = new Store();
    await store.done("pull", name("1"));
    const place = `${layoutOf(store)}:${name("1")}`;
    const inspected = JSON.parse(await peer("skopeo", "inspect", `oci:${place}`));
    const { id, manifest } = JSON.parse(await store.done("inspect", name("1")))[0];
    expect(inspected).toMatchObject({
      Digest: id,
      Layers: manifest.layers.map(({ digest }: { digest: string }) => digest),
    });
    expect((await peer("umoci", "ls", "--layout", layoutOf(store))).trim()).toBe(name("1"));
    await store.done("unpack", name("1"), store.path("ours"));
    const theirs = await unpackByUmoci(place, store.path("theirs"));
    expect(describeTree(theirs).slice(1)).toEqual(describeTree(store.path("ours/rootfs")).slice(1));
    await peer("skopeo", "copy", "--quiet", `oci:${place}`, `dir:${store.path("copied")}`);
  });

  test("names come and go in it with those of images, whoever is at work at the same time", async () => {
    await using store = new Store();
    await store.done("pull", name("1"));
    const tags = ["a", "b", "c", "d", "e"];
    await Promise.all(tags.map((tag) => store.done("tag", name("1"), `box:${tag}`)));
    const named = tags.map((tag) => `docker.io/library/box:${tag}`);
    expect(namesIn(store).sort()).toEqual([name("1"), ...named].sort());
    await store.done("rmi", "box:a", "box:b");
    expect(namesIn(store).sort()).toEqual([name("1"), ...named.slice(2)].sort());
    await store.done("image", "prune", "--all");
    expect(namesIn(store)).toEqual([]);
  });
});

describe("teu image prune", () => {
  test("--dry-run tells and removes nothing, --filter label goes by the images' labels", async () => {
    await using store = new Store();
    for (const tag of ["1", "2"]) await store.done("pull", name(tag));
    const told = await store.done("image", "prune", "-a", "--dry-run", "--filter", "label!=keep");
    expect(told).toMatch(new RegExp(`^Would untag: ${name("1")}\nTotal reclaimable space: [0-9.]+ k?B\n$`));
    const other = await store.done(
      "image",
      "prune",
      "-a",
      "--dry-run",
      "--json",
      "--filter",
      "label=keep=yes",
    );
    expect(JSON.parse(other)).toMatchObject({
      kind: "image",
      name: name("2"),
      reason: "no container has it",
    });
    expect(namesIn(store).sort()).toEqual([name("1"), name("2")]);
    expect(await store.done("image", "prune", "-a", "--filter", "label!=keep")).toStartWith(
      `Untagged: ${name("1")}\n`,
    );
    expect(namesIn(store)).toEqual([name("2")]);
  });

  test("a filter that it does not know is an error", async () => {
    await using store = new Store();
    const { status, stderr } = await store.teu("image", "prune", "--filter", "dangling=true");
    expect(stderr).toBe("teu: invalid filter 'dangling=true': wants until=…, label=…, label!=…\n");
    expect(status).toBe(1);
  });
});
