import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Memory } from "../../../test/kits/transport/memory.ts";
import { transportSuite } from "../../../test/kits/transport/suite.ts";
import { type Fetch, RegistryClient } from "../../distribution/client/index.ts";
import { type OpenRegistry, openRegistry } from "../../distribution/registry/index.ts";
import { copyImage } from "../../image/index.ts";
import { parseReference, type Tag } from "../../spec/index.ts";
import { enginePaths } from "../paths.ts";
import { findImage } from "../store/images.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { parsePlace } from "./place.ts";
import { registryDestination, registrySource } from "./registry-place.ts";
import { storeDestination, storeSource } from "./store-place.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-transfer-"));
const registry = openRegistry({ root: join(folder, "registry") });
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
let count = 0;
const newReference = () => parseReference(`r.example/app${++count}:1`);
const clientOf = (text: string, fetch: Fetch = registry.handle): RegistryClient =>
  new RegistryClient(parseReference(text), {
    fetch: async (request) => await fetch(request),
    credentials: async () => undefined,
    retry: { attempts: 1, baseMs: 1, maxMs: 1 },
  });

/** A registry of before the referrers API: clients keep the lists. */
const withoutReferrers: Fetch = async (request) => {
  if (request.url.includes("/referrers/")) return new Response(null, { status: 404 });
  const response = await registry.handle(request);
  response.headers.delete("oci-subject");
  return response;
};

describe.each([
  ["docker://", registry.handle],
  ["docker:// without the referrers API", withoutReferrers],
] as const)("registries", (name, handle) => {
  transportSuite(name, () => {
    const reference = newReference();
    const client = clientOf(`r.example/${reference.repository}`, async (request) => await handle(request));
    return {
      destination: () => registryDestination(client, reference),
      source: () => registrySource(client, reference),
    };
  });
});

const newStore = (): Store => {
  const root = join(folder, `store${++count}`);
  return openStore(enginePaths({ TEU_ROOT: join(root, "root"), TEU_RUN: join(root, "run") }));
};

transportSuite(
  "store:",
  () => {
    const store = newStore();
    return {
      destination: () => storeDestination(store, "app:1", []),
      source: () => storeSource(store, "app:1"),
    };
  },
  { cannotHold: ["referrers"] },
);

describe("docker://", () => {
  let memory: Memory;
  let asked: string[];
  let local: OpenRegistry["handle"];
  beforeEach(() => {
    memory = new Memory();
    asked = [];
    local = async (request) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}${new URL(request.url).search}`);
      return await registry.handle(request);
    };
  });
  const fill = async (reference: ReturnType<typeof newReference>, layers: readonly string[]) => {
    const root = memory.image(layers);
    const client = clientOf(`r.example/${reference.repository}`);
    await using destination = registryDestination(client, reference);
    await copyImage(memory.source(root), destination, {});
    return root;
  };

  test("blobs of another repository are mounted, and no byte of them is sent", async () => {
    const [from, to] = [newReference(), newReference()];
    await fill(from, ["one", "two"]);
    const [reading, writing] = [from, to].map(({ repository }) => clientOf(`r.example/${repository}`, local));
    if (reading === undefined || writing === undefined) throw new Error("two clients were made");
    const destination = registryDestination(writing, to, [], from.repository);
    const copied = await copyImage(registrySource(reading, from), destination, {});
    expect(copied).toMatchObject({ sent: 0, mounted: 3, present: 0, sentBytes: 0 });
    expect(asked.filter((line) => /^(PATCH|PUT .*uploads|GET .*blobs)/.test(line))).toEqual([]);
  });

  test("where the registry mounts nothing, bytes are sent", async () => {
    const [from, to] = [newReference(), newReference()];
    await fill(from, ["one", "two"]);
    const stubborn = (request: Request): Response | Promise<Response> =>
      request.url.includes("mount=") ? new Response(null, { status: 405 }) : registry.handle(request);
    const writing = clientOf(`r.example/${to.repository}`, async (request) => await stubborn(request));
    const reading = clientOf(`r.example/${from.repository}`);
    const destination = registryDestination(writing, to, [], from.repository);
    const copied = await copyImage(registrySource(reading, from), destination, {});
    expect(copied).toMatchObject({ sent: 3, mounted: 0 });
  });

  test("what is there is not sent, and the root goes last, under every tag", async () => {
    const [from, to] = [newReference(), newReference()];
    const root = await fill(from, ["one"]);
    const client = clientOf(`r.example/${to.repository}`, local);
    const copy = () =>
      copyImage(memory.source(root), registryDestination(client, to, ["2", "3"] as Tag[]), {});
    expect(await copy()).toMatchObject({ sent: 2, present: 0 });
    expect(asked.slice(-3)).toEqual(
      ["1", "2", "3"].map((tag) => `PUT /v2/${to.repository}/manifests/${tag}`),
    );
    expect(await copy()).toMatchObject({ sent: 0, present: 2 });
  });

  test("a digest as the destination is that of the image", async () => {
    const root = memory.image(["one"]);
    const other = parseReference(`r.example/x@sha256:${"0".repeat(64)}`);
    const copying = copyImage(memory.source(root), registryDestination(clientOf("r.example/x"), other), {});
    expect(await copying.then(() => "nothing", String)).toContain("a digest names no other");
  });

  test("two referrers, one after the other, both stand in the list that clients keep", async () => {
    const to = newReference();
    const client = clientOf(`r.example/${to.repository}`, withoutReferrers);
    const root = memory.image(["one"]);
    const notes = ["first", "second"].map((text) => memory.artifact(root, text));
    for (let round = 0; round < 2; round += 1)
      await copyImage(memory.source(root), registryDestination(client, to), { hasReferrers: true });
    const { keptBy, descriptors } = await client.referrers(root.digest);
    expect(keptBy).toBe("tag");
    expect(descriptors.map(({ digest }) => digest).sort()).toEqual(notes.map(({ digest }) => digest).sort());
  });
});

describe("store:", () => {
  test("an image gets all its names in one moment, or none", async () => {
    const store = newStore();
    const memory = new Memory();
    const root = memory.image(["one"]);
    await using destination = storeDestination(store, "a", ["b:2"]);
    await copyImage(memory.source(root), destination, {});
    for (const name of ["docker.io/library/a:latest", "docker.io/library/b:2"])
      expect(findImage(store.database, store.namespace, name)?.digest).toBe(root.digest);
    expect(() => storeDestination(store, "a", ["B"])).toThrow("must be lower case");
  });
});

describe("parsePlace()", () => {
  test.each([
    ["docker://debian:12", { kind: "docker", reference: parseReference("debian:12") }],
    ["docker:dind", { kind: "store", name: "docker:dind" }],
    ["debian", { kind: "store", name: "debian" }],
    ["store:debian", { kind: "store", name: "debian" }],
    ["localhost:5000/a", { kind: "store", name: "localhost:5000/a" }],
    ["oci:a/b", { kind: "oci", folder: "a/b", image: undefined }],
    ["oci:a:r.example:5000/b:1", { kind: "oci", folder: "a", image: "r.example:5000/b:1" }],
    ["oci:a@sha256:00", { kind: "oci", folder: "a", image: "@sha256:00" }],
    ["oci-archive:/a.tar:v1", { kind: "oci-archive", file: "/a.tar", image: "v1" }],
    ["docker-archive:a.tar:@1", { kind: "docker-archive", file: "a.tar", image: "@1" }],
    ["dir:/a:b", { kind: "dir", folder: "/a:b" }],
  ])("%s", (text, place) => {
    expect(parsePlace(text)).toEqual(place as never);
  });

  test.each([
    ["oci:", "it names no file or folder"],
    ["oci-archive:a:", "nothing follows the colon"],
    ["dir:", "it names no folder"],
    ["ostree:debian", "such places are neither read nor written"],
    ["docker://Debian", "must be lower case"],
  ])("%s is refused", (text, says) => {
    expect(() => parsePlace(text)).toThrow(says);
  });
});
