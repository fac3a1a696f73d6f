import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Memory } from "../../../test/kits/transport/memory.ts";
import { transportSuite } from "../../../test/kits/transport/suite.ts";
import { ContentStore } from "../../content/index.ts";
import { type Descriptor, dockerMediaTypes, mediaTypes, parseManifest } from "../../spec/index.ts";
import { archiveDestination } from "./archive-destination.ts";
import { type ArchiveKind, archiveSource } from "./archive-source.ts";
import { contentDestination, contentSource } from "./content-place.ts";
import { copyImage } from "./copy-image.ts";
import { directoryDestination, directorySource } from "./directory.ts";
import { layoutDestination, layoutSource } from "./layout.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-transfer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const newFolder = (): string => {
  const path = join(folder, `${++count}`);
  mkdirSync(path);
  return path;
};
const newPath = (): string => join(newFolder(), "image");
const beside = (path: string): string[] =>
  readdirSync(join(path, "..")).filter((name) => !path.endsWith(`/${name}`));
const failure = (work: () => unknown): Promise<string> =>
  (async () => await work())().then(() => "nothing", String);

transportSuite("oci:", () => {
  const place = { folder: newPath(), image: "v1" };
  const known = new Set(["blobs", "index.json", "oci-layout"]);
  return {
    destination: () => layoutDestination(place),
    source: () => layoutSource(place),
    leftovers: () =>
      existsSync(place.folder) ? readdirSync(place.folder).filter((name) => !known.has(name)) : [],
  };
});

describe.each(["oci-archive", "docker-archive"] as const)("archives", (kind: ArchiveKind) => {
  transportSuite(
    `${kind}:`,
    () => {
      const place = { kind, file: newPath(), image: "r.example/app:1" };
      return {
        destination: () => archiveDestination(place),
        source: () => archiveSource(place),
        leftovers: () => beside(place.file),
      };
    },
    kind === "docker-archive" ? { cannotHold: ["indexes", "artifacts", "referrers"] } : { cannotHold: [] },
  );
});

transportSuite(
  "dir:",
  () => {
    const path = newPath();
    return {
      destination: () => directoryDestination(path),
      source: () => directorySource(path),
      leftovers: () => beside(path),
    };
  },
  { cannotHold: ["referrers"] },
);

transportSuite(
  "a content store",
  () => {
    const store = ContentStore.open(newPath());
    let root: Descriptor | undefined;
    return {
      destination: () =>
        contentDestination("store:", {
          open: () => store,
          keepsReferrers: false,
          name: (_, descriptor) => {
            root = descriptor;
          },
        }),
      source: () => {
        if (root === undefined) throw new Error("nothing is named");
        return contentSource(store, "store:", root);
      },
    };
  },
  { cannotHold: ["referrers"] },
);

describe("oci:", () => {
  const memory = new Memory();
  const write = async (path: string, image: string | undefined, root: Descriptor): Promise<void> => {
    await using destination = layoutDestination({ folder: path, image });
    await copyImage(memory.source(root), destination, {});
  };
  const rootOf = async (path: string, image?: string): Promise<string> =>
    (await layoutSource({ folder: path, image }).root()).descriptor.digest;

  test("names stand beside each other, and one without a name stands there once", async () => {
    const path = newPath();
    const [one, two] = [memory.image(["one"]), memory.image(["two"])];
    await write(path, "a", one);
    await write(path, "b", two);
    await write(path, undefined, two);
    await write(path, undefined, two);
    expect(ContentStore.open(path).index.read().manifests).toHaveLength(3);
    expect([await rootOf(path, "a"), await rootOf(path, "b")]).toEqual([one.digest, two.digest]);
    expect(await rootOf(path, `@${one.digest}`)).toBe(one.digest);
    expect(await failure(() => rootOf(path))).toContain("Cannot choose an image of");
    expect(await failure(() => rootOf(path, "c"))).toContain(
      `Cannot find the image oci:${path}:c: it has a, b`,
    );
  });

  test("nothing is made for a source that fails at once", async () => {
    const path = newPath();
    await using destination = layoutDestination({ folder: path, image: undefined });
    const source = memory.source(memory.image([]), {
      root: async () => {
        throw new Error("no such image");
      },
    });
    expect(await failure(() => copyImage(source, destination, {}))).toContain("no such image");
    expect(existsSync(path)).toBe(false);
  });

  test("several writers at once lose nothing of each other", async () => {
    const path = newPath();
    const names = Array.from({ length: 10 }, (_, at) => `v${at}`);
    await Promise.all(names.map((name) => write(path, name, memory.image(["shared", name]))));
    expect(ContentStore.open(path).index.read().manifests).toHaveLength(10);
  });

  // A layout may come from anywhere: its links would have us read, and send to a registry, any file of the host.
  test.each([
    ["a blob that is a link", (path: string, blob: string) => planted(join(path, blob))],
    ["a folder of blobs that is a link", (path: string) => planted(join(path, "blobs/sha256"))],
  ])("%s is not followed", async (_, plant) => {
    const path = newPath();
    const layer = memory.blob("secret", mediaTypes.layer);
    await write(path, "a", memory.image([layer]));
    plant(path, `blobs/${layer.digest.replace(":", "/")}`);
    await using destination = directoryDestination(newPath());
    const copying = failure(() => copyImage(layoutSource({ folder: path, image: "a" }), destination, {}));
    expect(await copying).toMatch(/is not a (regular file|directory)/);
  });
});

/** Moves what is there elsewhere, and puts a link to it in its place. */
function planted(path: string): void {
  const elsewhere = newPath();
  Bun.spawnSync(["mv", path, elsewhere]);
  symlinkSync(elsewhere, path);
}

describe("dir:", () => {
  test("links and fifos in the folder are not followed", async () => {
    const memory = new Memory();
    const layer = memory.blob("secret", mediaTypes.layer);
    const root = memory.image([layer]);
    for (const plant of [
      planted,
      (path: string) => Bun.spawnSync(["sh", "-c", `rm ${path}; mkfifo ${path}`]),
    ]) {
      const path = newPath();
      await using first = directoryDestination(path);
      await copyImage(memory.source(root), first, {});
      plant(join(path, layer.digest.slice(7)));
      await using second = layoutDestination({ folder: newPath(), image: undefined });
      expect(await failure(() => copyImage(directorySource(path), second, {}))).toMatch(
        /is a link|is not a regular file/,
      );
    }
  });

  test("what somebody keeps there is not replaced", async () => {
    const path = newFolder();
    writeFileSync(join(path, "diary"), "dear");
    expect(await failure(() => directoryDestination(path))).toContain(
      "it is not empty, and holds no such image",
    );
    expect(readdirSync(path)).toEqual(["diary"]);
  });
});

describe("archives", () => {
  const pack = (members: Record<string, string>, ...flags: string[]): string => {
    const path = newFolder();
    for (const [name, content] of Object.entries(members)) {
      mkdirSync(join(path, name, ".."), { recursive: true });
      writeFileSync(join(path, name), content);
    }
    const file = newPath();
    const { success, stderr } = Bun.spawnSync([
      "tar",
      "-C",
      path,
      "-cPf",
      file,
      ...flags,
      ...Object.keys(members),
    ]);
    if (!success) throw new Error(stderr.toString());
    return file;
  };
  const manifest = (layer: string): string =>
    JSON.stringify([{ Config: "config", Layers: [layer], RepoTags: ["a:1"] }]);
  const open = (file: string, image?: string) => archiveSource({ kind: "docker-archive", file, image });

  test.each([["/etc/hostname"], ["../../../../../../etc/hostname"], ["layer/../../etc/hostname"]])(
    "a layer called %s is a name in the archive, and none there",
    async (name) => {
      const file = pack({ "manifest.json": manifest(name), config: "{}" });
      expect(await failure(() => open(file))).toContain(`names ${JSON.stringify(name)}, which is not in it`);
    },
  );

  test("members that would escape are keys like all others", async () => {
    const canary = newPath();
    const file = pack(
      { "manifest.json": manifest("layer"), config: "{}", layer: "x" },
      `--transform=s,^layer$,${canary},`,
    );
    expect(await failure(() => open(file))).toContain('names "layer", which is not in it');
    expect(existsSync(canary)).toBe(false);
  });

  test("links in a circle end", async () => {
    const path = newFolder();
    symlinkSync("b", join(path, "a"));
    symlinkSync("a", join(path, "b"));
    for (const [name, text] of [
      ["manifest.json", manifest("a")],
      ["config", "{}"],
    ] as const)
      writeFileSync(join(path, name), text);
    const file = newPath();
    Bun.spawnSync(["tar", "-C", path, "-cf", file, "manifest.json", "config", "a", "b"]);
    expect(await failure(() => open(file))).toContain('names "a", which is not in it');
  });

  test("an image of several is chosen by name, in any spelling, or number", async () => {
    const entry = (name: string, layer: string) => ({ Config: "config", Layers: [layer], RepoTags: [name] });
    const file = pack({
      "manifest.json": JSON.stringify([entry("a:1", "one"), entry("docker.io/library/b:latest", "two")]),
      config: "{}",
      one: "1",
      two: "2",
    });
    const rootOf = async (image?: string): Promise<string> => {
      await using source = await open(file, image);
      return (await source.root()).descriptor.digest;
    };
    expect(await rootOf("docker.io/library/a:1")).toBe(await rootOf("@0"));
    expect(await rootOf("b")).toBe(await rootOf("@1"));
    expect(await failure(() => rootOf())).toContain("it has a:1, docker.io/library/b:latest");
    expect(await failure(() => rootOf("c"))).toContain("Cannot find the image docker-archive:");
  });

  test("the same image makes the same archive", async () => {
    const memory = new Memory();
    const root = memory.image(Array.from({ length: 30 }, (_, at) => `layer ${at}`.repeat(at * 1000)));
    const files = [newPath(), newPath()];
    for (const file of files) {
      await using destination = archiveDestination({ kind: "oci-archive", file, image: "x" });
      await copyImage(memory.source(root), destination, {});
    }
    const [one, two] = files.map((file) => readFileSync(file));
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
  });
});

describe("another format", () => {
  const memory = new Memory();
  const convert = async (root: Descriptor, format: "oci" | "docker", more: object = {}): Promise<string> => {
    const path = newPath();
    await using destination = directoryDestination(path);
    await copyImage(memory.source(root), destination, { format, ...more });
    return path;
  };
  const manifestIn = (path: string) => parseManifest(readFileSync(join(path, "manifest.json")));

  test("there and back again, an image is what it was", async () => {
    const root = memory.image(["one"]);
    const path = await convert(root, "docker");
    expect(manifestIn(path)).toMatchObject({
      mediaType: dockerMediaTypes.manifest,
      config: { mediaType: dockerMediaTypes.config },
      layers: [{ mediaType: dockerMediaTypes.layer }],
    });
    const back = newPath();
    await using destination = directoryDestination(back);
    const { root: again } = await copyImage(directorySource(path), destination, { format: "oci" });
    expect(again.digest).toBe(root.digest);
  });

  test("an index leads to the converted manifests", async () => {
    const children = ["amd64", "arm64"].map((architecture) => ({
      ...memory.image([architecture]),
      platform: { os: "linux", architecture },
    }));
    const path = await convert(memory.index(children), "docker");
    const list = JSON.parse(readFileSync(join(path, "manifest.json"), "utf8"));
    expect(list.mediaType).toBe(dockerMediaTypes.index);
    for (const [at, { digest, mediaType, platform }] of list.manifests.entries()) {
      expect(digest).not.toBe(children[at]?.digest);
      expect(mediaType).toBe(dockerMediaTypes.manifest);
      expect(platform).toEqual(children[at]?.platform);
      expect(existsSync(join(path, `${digest.slice(7)}.manifest.json`))).toBe(true);
    }
  });

  test("what is in that format is not touched", async () => {
    const root = memory.image(["one"], { annotations: { a: "b" } });
    const { digest } = directorySource(await convert(root, "oci", { isSameDigestRequired: true })) && root;
    expect(digest).toBe(root.digest);
  });

  test.each([
    [
      "another digest, where that is forbidden",
      () => memory.image(["one"]),
      { isSameDigestRequired: true },
      "under its digest",
    ],
    [
      "referrers, which refer to what it was",
      () => memory.image(["one"]),
      { hasReferrers: true },
      "referrers",
    ],
    ["an artifact", () => memory.artifact(memory.image([]), "note"), {}, "docker has no word for"],
    [
      "a layer that docker does not know",
      () => memory.image([memory.blob("x", "text/x-odd")]),
      {},
      "docker has no word for text/x-odd",
    ],
  ])("refuses %s", async (_, make, options, says) => {
    expect(await failure(() => convert(make(), "docker", options))).toContain(says);
  });
});
