/** The built registry serves a client that is not ours, and what ours pushes that client can copy. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../src/content/index.ts";
import { pullImage, pushImage, RegistryClient } from "../../src/distribution/client/index.ts";
import {
  type Descriptor,
  digestOf,
  mediaTypes,
  parsePlatform,
  parseReference,
  type Tag,
} from "../../src/spec/index.ts";
import { needs, program } from "../support/needs.ts";
import { type Finished, run, TEU } from "./teu.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-peers-"));
const layout = ContentStore.open(join(folder, "layout"));
let server: ReturnType<typeof startRegistry>;
let address = "";

/** Its images lie below TEU_ROOT: without --root it used the system's place, whatever the environment said. */
const startRegistry = () =>
  Bun.spawn([TEU, "registry", "serve", "--listen", "127.0.0.1:0"], {
    env: { PATH: "/usr/bin:/bin", TEU_ROOT: folder },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });

beforeAll(async () => {
  server = startRegistry();
  for await (const chunk of server.stdout) {
    address = new TextDecoder().decode(chunk).trim();
    break;
  }
});
afterAll(async () => {
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(existsSync(join(folder, "registry/content"))).toBe(true);
  rmSync(folder, { recursive: true });
});

needs(program("podman"))("podman finds a repository by a part of its name, and those alone", async () => {
  for (const repository of ["search/find-me", "search/other"]) {
    const client = new RegistryClient(parseReference(`${address}/${repository}:1`));
    const bytes = new TextEncoder().encode(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }),
    );
    await client.putManifest("1" as Tag, { mediaType: mediaTypes.index, bytes });
  }
  // In a store of its own: where root's is made, skopeo of a plain user cannot look for credentials any more.
  const storage = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
  const words = [...storage, "search", "--tls-verify=false", "--format", "{{.Name}}", `${address}/find`];
  const { status, stdout, stderr } = await run(["podman", ...words], { env: { HOME: folder } });
  // What else it says is of users and mounts of this machine.
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: `${address}/search/find-me\n` });
});

function put(content: string | Uint8Array, mediaType: string, fields: Partial<Descriptor> = {}): Descriptor {
  using ingest = layout.ingest();
  ingest.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
  return { mediaType, ...ingest.commit(), ...fields };
}

/** An image for one architecture, with a layer of some megabytes that cannot be compressed. */
function makeImage(architecture: string): Descriptor {
  const tree = join(folder, architecture);
  mkdirSync(tree);
  writeFileSync(join(tree, "noise"), crypto.getRandomValues(new Uint8Array(60_000)).toHex().repeat(40));
  const tar = new Uint8Array(Bun.spawnSync(["tar", "-C", tree, "-c", "noise"]).stdout);
  const config = {
    architecture,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: put(JSON.stringify(config), mediaTypes.config),
    layers: [put(Bun.gzipSync(tar), mediaTypes.layerGzip)],
  };
  return put(JSON.stringify(manifest), mediaTypes.manifest, {
    platform: parsePlatform(`linux/${architecture}`),
  });
}

function makeIndex(): Descriptor {
  const manifests = [makeImage("amd64"), makeImage("arm64")];
  return put(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }), mediaTypes.index);
}

const index = makeIndex();
const name = { "org.opencontainers.image.ref.name": "all" };
writeFileSync(
  join(layout.root, "index.json"),
  JSON.stringify({ schemaVersion: 2, manifests: [{ ...index, annotations: name }] }),
);

async function skopeo(...words: readonly string[]): Promise<Finished> {
  const finished = await run(["skopeo", "--insecure-policy", ...words], { env: { HOME: folder } });
  return { ...finished, stderr: finished.stderr.replace(/time="[^"]*" /g, "") };
}

async function must(finished: Promise<Finished>): Promise<string> {
  const { status, stdout, stderr } = await finished;
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

const PLAIN = ["--src-tls-verify=false", "--dest-tls-verify=false"];
const copy = (...words: readonly string[]): Promise<string> => must(skopeo("copy", "-q", ...PLAIN, ...words));
const rootOf = (path: string): string =>
  JSON.parse(readFileSync(join(folder, path, "index.json"), "utf8")).manifests[0].digest;

const skopeoTest = needs(program("skopeo"));

describe("skopeo", () => {
  skopeoTest("copies an index with all its images in and out, digests kept", async () => {
    await copy("--all", "--preserve-digests", `oci:${layout.root}:all`, `docker://${address}/peers/all:1`);
    await copy("--all", "--preserve-digests", `docker://${address}/peers/all:1`, `oci:${folder}/out:1`);
    expect(rootOf("out")).toBe(index.digest);
    const raw = await must(
      skopeo("inspect", "--raw", "--tls-verify=false", `docker://${address}/peers/all:1`),
    );
    expect(digestOf(raw)).toBe(index.digest);
  });

  skopeoTest("copies docker's format in and out, digests kept", async () => {
    await copy("--format", "v2s2", `oci:${layout.root}:all`, `docker://${address}/peers/docker:1`);
    await copy("--preserve-digests", `docker://${address}/peers/docker:1`, `dir:${folder}/docker`);
    const manifest = readFileSync(join(folder, "docker/manifest.json"), "utf8");
    expect(manifest).toContain("application/vnd.docker.distribution.manifest.v2+json");
    const inspected = JSON.parse(
      await must(skopeo("inspect", "--tls-verify=false", `docker://${address}/peers/docker:1`)),
    );
    expect(inspected.Digest).toBe(digestOf(manifest));
  });

  skopeoTest("lists and deletes tags", async () => {
    for (const tag of ["b", "a", "c"])
      await copy("--all", `oci:${layout.root}:all`, `docker://${address}/peers/tags:${tag}`);
    const list = async () =>
      JSON.parse(await must(skopeo("list-tags", "--tls-verify=false", `docker://${address}/peers/tags`)))
        .Tags;
    expect(await list()).toEqual(["a", "b", "c"]);
    // skopeo deletes the manifest that the tag names, and with it go all its tags.
    await must(skopeo("delete", "--tls-verify=false", `docker://${address}/peers/tags:b`));
    expect(await list()).toEqual([]);
  });

  skopeoTest("copies what our client pushed, and ours pulls what it copied, digests kept", async () => {
    const ours = new RegistryClient(parseReference(`${address}/peers/ours`));
    await pushImage(ours, { store: layout, root: index, tag: "1" as Tag });
    await copy(
      "--all",
      "--preserve-digests",
      `docker://${address}/peers/ours:1`,
      `docker://${address}/peers/theirs:2`,
    );
    const reference = parseReference(`${address}/peers/theirs:2`);
    const store = ContentStore.open(join(folder, "pulled"));
    const pulled = await pullImage(new RegistryClient(reference), reference, {
      store,
      platform: parsePlatform("linux/arm64"),
    });
    expect(pulled.root.digest).toBe(index.digest);
    expect(store.has(pulled.manifest.config.digest)).toBe(true);
  });

  skopeoTest("is told clearly what is not there", async () => {
    const { status, stderr } = await skopeo(
      "inspect",
      "--tls-verify=false",
      `docker://${address}/peers/nothing:1`,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain("name unknown: repository name not known to this registry");
  });
});
