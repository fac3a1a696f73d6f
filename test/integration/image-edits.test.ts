/** `teu image mutate`, `rebase`, `flatten`, `annotate`, `index`, `import`, `export` and `verify`; skopeo and umoci read what they make. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ContentStore } from "../../src/content/index.ts";
import { pushImage, RegistryClient } from "../../src/distribution/client/index.ts";
import {
  type Descriptor,
  digestOf,
  dockerMediaTypes,
  mediaTypes,
  parseReference,
} from "../../src/spec/index.ts";
import { needs, program, root } from "../support/needs.ts";
import { peer, unpackByUmoci } from "./support/images.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { describeTree } from "./support/tree.ts";
import { run, TEU } from "./teu.ts";

const test = needs(root);
const withPeers = needs(root, program("umoci"), program("skopeo"));

let registry: RegistryProcess;
let store: Store;
const name = (tag: string): string => `${registry.address}/test/app:${tag}`;
beforeAll(async () => {
  if (!root.isMet()) return;
  registry = await startRegistry();
  store = new Store();
  await pushLayers(name("base"), [{ "etc/version": "1", "etc/gone": "x" }]);
  await pushLayers(name("newer"), [{ "etc/version": "2" }, { "etc/more": "2" }]);
  await pushLayers(name("app"), [
    { "etc/version": "1", "etc/gone": "x" },
    { app: "app", "etc/.wh.gone": "" },
  ]);
  await pushLayers(name("arm"), [{ app: "arm" }], { architecture: "arm64" });
  for (const tag of ["base", "newer", "app"]) await store.done("pull", name(tag));
  await store.done("pull", "--platform", "linux/arm64", name("arm"));
}, 60_000);
afterAll(async () => {
  if (!root.isMet()) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const bytesOf = (digest: string): string =>
  readFileSync(store.path(`root/content/blobs/${digest.replace(":", "/")}`), "utf8");
const documentOf = (digest: string) => JSON.parse(bytesOf(digest));
const digestOfName = async (tag: string): Promise<string> =>
  JSON.parse(await store.done("inspect", name(tag)))[0].id;
const edit = async (...words: string[]): Promise<string> => (await store.done("image", ...words)).trim();
const tarFile = (label: string, files: Record<string, string>): string => {
  const tree = store.path(`${label}.d`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(tree, path, ".."), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const archive = store.path(`${label}.tar`);
  Bun.spawnSync(["tar", "--mtime=@0", "--sort=name", "--numeric-owner", "-C", tree, "-cf", archive, "."]);
  return archive;
};

/** Puts an image of docker's types and with fields that nobody knows into the store. */
async function pullDockers(tag: string): Promise<string> {
  const layout = ContentStore.open(store.path(`${tag}.layout`));
  const put = (content: string | Uint8Array, mediaType: string): Descriptor => {
    using ingest = layout.ingest();
    ingest.write(Buffer.from(content));
    return { mediaType, ...ingest.commit() };
  };
  const tar = readFileSync(tarFile(tag, { f: "docker" }));
  const config = `{ "architecture": "amd64", "os": "linux", "big": 12345678901234567890, "docker_version": "20",
    "config": { "Cmd": ["x"], "Healthcheck": { "Test": ["NONE"] }, "Strange": { "a": [1] } },
    "rootfs": { "type": "layers", "diff_ids": ["${digestOf(tar)}"] } }`;
  const manifest = {
    schemaVersion: 2,
    mediaType: dockerMediaTypes.manifest,
    config: put(config, dockerMediaTypes.config),
    layers: [put(Bun.gzipSync(new Uint8Array(tar)), dockerMediaTypes.layerGzip)],
    unknown: { kept: true },
  };
  const target = put(JSON.stringify(manifest), dockerMediaTypes.manifest);
  const reference = parseReference(name(tag));
  await pushImage(new RegistryClient(reference), { store: layout, root: target, tag: reference.tag });
  await store.done("pull", name(tag));
  return target.digest;
}

describe("teu image mutate", () => {
  test("changes what the flags say and keeps the rest", async () => {
    const digest = await edit(
      ...[
        "mutate",
        "-e",
        "PATH=/opt",
        "-e",
        "A=b=c",
        "-l",
        "k=v",
        "--entrypoint",
        "/run,--now",
        "--user",
        "7:8",
      ],
      ...["-w", "/srv", "--exposed-ports", "80,53/udp", "-a", "note=x", "-t", name("changed"), name("app")],
    );
    const manifest = documentOf(digest);
    const before = documentOf(await digestOfName("app"));
    expect(manifest).toEqual({ ...before, config: expect.anything(), annotations: { note: "x" } });
    expect(documentOf(manifest.config.digest)).toEqual({
      ...documentOf(before.config.digest),
      config: {
        ...{ Env: ["PATH=/opt", "A=b=c"], Labels: { k: "v" }, Entrypoint: ["/run", "--now"], User: "7:8" },
        ...{ WorkingDir: "/srv", ExposedPorts: { "80/tcp": {}, "53/udp": {} } },
      },
    });
  });

  test("keeps the bytes of a config that it does not change, docker's types, and fields that it does not know", async () => {
    const old = documentOf(await pullDockers("dockers"));
    const labelled = documentOf(await edit("mutate", "-l", "a=b", "-t", name("dockers2"), name("dockers")));
    expect(labelled).toEqual({
      ...old,
      config: expect.objectContaining({ mediaType: dockerMediaTypes.config }),
    });
    expect(bytesOf(labelled.config.digest)).toMatch(/"big":12345678901234567890,.*"Strange":\{"a":\[1\]\}/);
    const annotated = documentOf(await edit("mutate", "-a", "a=b", "-t", name("dockers3"), name("dockers")));
    expect(annotated.config).toEqual({ ...old.config, mediaType: mediaTypes.config });
    expect(annotated).toMatchObject({
      mediaType: mediaTypes.manifest,
      unknown: { kept: true },
      annotations: { a: "b" },
    });
    expect(await store.done("image", "verify", name("dockers2"), name("dockers3"))).toBe(
      "Everything is right\n",
    );
  });

  test("changes nothing where nothing is asked for: the digest stays", async () => {
    expect(await edit("mutate", "-t", name("same"), name("app"))).toBe(await digestOfName("app"));
  });

  test("--append adds a layer, the same one each time", async () => {
    const tar = tarFile("append", { "opt/new": "new" });
    const [one, other] = [
      await edit("mutate", "--append", tar, "-t", name("more"), name("app")),
      await edit("mutate", "--append", tar, "-t", name("more2"), name("app")),
    ];
    expect(one).toBe(other);
    expect(await store.teu("image", "diff", name("app"), name("more"))).toMatchObject({
      stdout: "A /opt\nA /opt/new\n",
    });
    expect(await store.done("image", "verify", name("more"))).toBe("Everything is right\n");
    expect(JSON.parse(await store.done("history", "--json", name("more")))[0].createdBy).toBe(
      "teu image mutate --append append.tar",
    );
  });

  test.each([
    [["--env", "novalue"], `Invalid value "novalue" of --env: wants KEY=VALUE`],
    [["--exposed-ports", "70000"], `Invalid value "70000" of --exposed-ports: wants PORT[/PROTOCOL]`],
    [["--append", "/etc/hostname"], "Invalid tar archive at byte "],
    [
      ["-t", `x@sha256:${"0".repeat(64)}`],
      "A name with a digest cannot be given to another image: use --tag NAME",
    ],
  ])("%j: one line, and no image is changed", async (flags, says) => {
    const before = await digestOfName("app");
    const { status, stderr, stdout } = await store.teu("image", "mutate", ...flags, name("app"));
    expect(stderr).toStartWith(`teu: ${says}`);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(await digestOfName("app")).toBe(before);
  });
});

describe("teu image rebase", () => {
  test("puts the layers onto the new base, and says on which", async () => {
    const bases = ["--old_base", name("base"), "--new_base", name("newer")];
    const digest = await edit("rebase", ...bases, "-t", name("rebased"), name("app"));
    const { layers, annotations } = documentOf(digest);
    const [base, app] = [documentOf(await digestOfName("newer")), documentOf(await digestOfName("app"))];
    expect(layers).toEqual([...base.layers, ...app.layers.slice(1)]);
    expect(annotations).toEqual({
      "org.opencontainers.image.base.digest": await digestOfName("newer"),
      "org.opencontainers.image.base.name": name("newer"),
    });
    // The annotations suffice from then on.
    expect(await edit("rebase", "-t", name("again"), name("rebased"))).toBe(digest);
    expect(await store.done("image", "verify", name("rebased"))).toBe("Everything is right\n");
  });

  test("refuses an image that is not on the base", async () => {
    const bases = ["--old_base", name("newer"), "--new_base", name("base")];
    expect(await store.teu("image", "rebase", ...bases, name("app"))).toEqual({
      ...{ status: 1, stdout: "" },
      stderr: `teu: Cannot rebase ${name("app")}: its layers do not begin with those of ${name("newer")}\n`,
    });
    const { stderr } = await store.teu("image", "rebase", "--new_base", name("base"), name("app"));
    expect(stderr).toBe(
      "teu: Cannot rebase: the image's annotations do not name its base, and --old_base is not given\n",
    );
  });
});

describe("teu image flatten and export", () => {
  withPeers("one layer shows what all showed, to umoci too, and is the same in any store", async () => {
    const digest = await edit("flatten", "-t", name("flat"), name("app"));
    expect(documentOf(digest).layers).toHaveLength(1);
    expect(await store.teu("image", "diff", name("app"), name("flat"))).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(await store.done("image", "verify", name("flat"))).toBe("Everything is right\n");
    const trees: string[][] = [];
    for (const tag of ["app", "flat"]) {
      await store.done("save", "-o", store.path(`${tag}.oci`), name(tag));
      const layout = store.path(`${tag}.oci.d`);
      await peer("skopeo", "copy", "--quiet", `oci-archive:${store.path(`${tag}.oci`)}`, `oci:${layout}:x`);
      trees.push(describeTree(await unpackByUmoci(`${layout}:x`, store.path(`${tag}.bundle`))));
    }
    const [all = [], flat = []] = trees;
    expect(flat.slice(1)).toEqual(all.slice(1)); // the root itself has no member in a flat one
    await using other = new Store();
    await other.done("pull", name("app"));
    expect((await other.done("image", "flatten", "-t", "flat", name("app"))).trim()).toBe(digest);
  });

  test("export writes what shows, without marks", async () => {
    await store.done("image", "export", "-o", store.path("app.tar"), name("app"));
    const listed = await peer("tar", "-tf", store.path("app.tar"));
    expect(
      listed
        .split("\n")
        .filter((line) => !line.endsWith("/"))
        .sort(),
    ).toEqual(["", "app", "etc/version"]);
  });
});

describe("teu image index", () => {
  test("create, append and annotate: one name for two platforms, and untouched entries stay", async () => {
    await edit("index", "create", "-a", "whole=yes", "-t", name("all"), name("app"));
    const created = documentOf(await digestOfName("all"));
    expect(created).toMatchObject({ mediaType: mediaTypes.index, annotations: { whole: "yes" } });
    await edit("index", "append", name("all"), name("arm"));
    await edit("annotate", "--entry", "linux/arm64", "-a", "tested=no", name("all"));
    const after = documentOf(await digestOfName("all"));
    expect(after.manifests).toEqual([
      created.manifests[0],
      expect.objectContaining({
        platform: { architecture: "arm64", os: "linux" },
        annotations: { tested: "no" },
      }),
    ]);
    await edit(
      "annotate",
      "--entry",
      "linux/arm64",
      "--remove",
      "tested",
      "-a",
      "x=1",
      "-t",
      name("all2"),
      name("all"),
    );
    expect(documentOf(await digestOfName("all2")).manifests[1].annotations).toEqual({ x: "1" });
    const { platform } = JSON.parse(await store.done("inspect", name("all")))[0];
    expect(platform).toBe(process.arch === "arm64" ? "linux/arm64" : "linux/amd64");
    expect(await store.done("image", "verify", name("all"))).toBe("Everything is right\n");
  });

  test.each([
    [["index", "append", "app", "app"], "is one image, and no index of several"],
    [["annotate", "--entry", "linux/s390x", "-a", "a=b", "all"], "has no entry linux/s390x"],
    [["index", "append", "all", "newer"], "it would have two images for linux/"],
    [["mutate", "-e", "A=b", "all"], "name the new image, which is one of them, by --tag"],
  ])("%j is refused", async ([verb = "", ...words], says) => {
    const names = words.map((word) => (["app", "all", "newer"].includes(word) ? name(word) : word));
    const { status, stderr } = await store.teu("image", verb, ...names);
    expect(stderr).toContain(says);
    expect(status).toBe(1);
  });
});

describe("teu import", () => {
  test("makes an image of an archive, the same one of the same archive, however it comes", async () => {
    const tar = tarFile("import", { "etc/hello": "hello" });
    const env = { ...store.env, SOURCE_DATE_EPOCH: "1000" };
    const words = ["import", "-c", 'CMD ["sh"]', "-c", "ENV A=b"];
    const one = await run([TEU, ...words, tar, name("imported")], { env });
    const piped = await run(
      ["bash", "-c", `cat ${tar} | "$@"`, "bash", TEU, ...words, "-", name("imported2")],
      { env },
    );
    expect(piped).toEqual(one);
    expect(one).toMatchObject({ status: 0, stderr: "" });
    const { config } = JSON.parse(await store.done("inspect", name("imported")))[0];
    expect(config).toMatchObject({
      ...{ created: "1970-01-01T00:16:40.000Z", config: { Cmd: ["sh"], Env: ["A=b"] } },
      history: [{ comment: "Imported from -" }],
    });
    expect(await store.done("image", "verify", name("imported"))).toBe("Everything is right\n");
  });

  test.each([
    [["https://example.org/x.tar", "x"], "Unsupported import of a URL: only files are read"],
    [["/etc/hostname"], "Unsupported import without a name: an image without a name is not kept"],
    [["/etc/hostname", "x"], "Invalid tar archive at byte "],
    [["-c", "NONSENSE x", "/dev/null", "x"], `Invalid change "NONSENSE x"`],
  ])("%j is refused", async (words, says) => {
    const { status, stderr } = await store.teu("import", ...words);
    expect(stderr).toStartWith(`teu: ${says}`);
    expect(status).toBe(1);
  });
});

describe("teu image verify", () => {
  test("tells what is wrong with which image, and where", async () => {
    await using own = new Store();
    await own.done("pull", name("app"));
    await own.done("pull", name("newer"));
    expect(await own.done("image", "verify", "--all")).toBe("Everything is right\n");
    const { manifest } = JSON.parse(await own.done("inspect", name("app")))[0];
    const layer: Descriptor = manifest.layers[1];
    const blob = own.path(`root/content/blobs/${layer.digest.replace(":", "/")}`);
    truncateSync(blob, layer.size - 1);
    const { status, stdout } = await own.teu("image", "verify", "--json", "--all");
    expect(JSON.parse(stdout)).toEqual([
      {
        ...{ image: name("app"), digest: layer.digest },
        problem: `it has ${layer.size - 1} bytes, its descriptor says ${layer.size}`,
      },
    ]);
    expect(status).toBe(1);
    expect((await own.teu("image", "verify", name("newer"))).status).toBe(0);
  });
});
