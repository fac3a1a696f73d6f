/** `teu copy` as its users meet it: between all places, with skopeo, umoci, podman and distribution's registry at the other end. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { type DistributionProcess, startDistribution } from "./support/distribution.ts";
import { copyBySkopeo, digestBySkopeo, imagesFolder, peer, unpackByUmoci } from "./support/images.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { TEU } from "./teu.ts";

const WANTED = [
  root,
  program("skopeo"),
  program("umoci"),
  program("podman"),
  program("docker-registry"),
  program("buildah"),
];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

const folder = mkdtempSync(join(tmpdir(), "teu-copy-"));
let registry: RegistryProcess;
let peers: DistributionProcess;
let store: Store;
/** A layout of others, and the digest of its image. */
let image: string;
let digest: string;

beforeAll(async () => {
  if (!isAble) return;
  [registry, peers] = await Promise.all([startRegistry(), startDistribution()]);
  store = new Store();
  image = `oci:${imagesFolder()}/debian:changed`;
  digest = await digestBySkopeo(image);
}, 120_000);
afterAll(async () => {
  if (isAble) await Promise.all([registry, peers, store].map((one) => one[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
const at = (name: string): string => join(folder, `${++count}-${name}`);
const copy = (...words: string[]) => store.teu("copy", "-q", ...words);
const done = async (...words: string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await store.done("copy", "-q", "--json", ...words));

/** A new place of each kind. */
const PLACES: readonly (readonly [kind: string, make: () => string])[] = [
  ["docker", () => `docker://${registry.address}/to/app${++count}:1`],
  ["docker, distribution's", () => `docker://${peers.address}/to/app${++count}:1`],
  ["oci", () => `oci:${at("layout")}:app:1`],
  ["oci-archive", () => `oci-archive:${at("tar")}:app:1`],
  ["docker-archive", () => `docker-archive:${at("tar")}:r.example/app:1`],
  ["dir", () => `dir:${at("dir")}`],
  ["store", () => `store:r.example/app${++count}:1`],
];

describe("teu copy", () => {
  test.each(PLACES.flatMap(([from, make]) => PLACES.map(([to, other]) => [from, to, make, other] as const)))(
    "%s → %s keeps the digest",
    async (_from, _to, make, other) => {
      const [first, second] = [make(), other()];
      expect((await done(image, first))["digest"]).toBe(digest);
      expect((await done("--preserve-digests", first, second))["digest"]).toBe(digest);
      for (const place of [first, second]) await store.teu("rmi", place.replace(/^store:/, ""));
    },
    60_000,
  );

  test("skopeo reads what it writes, in every form, and umoci unpacks it", async () => {
    for (const [kind, make] of PLACES) {
      if (kind === "store") continue;
      const place = make();
      await done(image, place);
      // Of docker's archives skopeo makes manifests of its own.
      if (kind !== "docker-archive") expect(await digestBySkopeo(place)).toBe(digest);
      await copyBySkopeo(place, `dir:${at("read")}`);
    }
    const layout = at("layout");
    await done(image, `oci:${layout}:app`);
    expect(readdirSync(layout).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    expect(existsSync(join(await unpackByUmoci(`${layout}:app`, at("unpacked")), "etc/debian_version"))).toBe(
      true,
    );
  }, 120_000);

  test("it reads what skopeo writes, in every form", async () => {
    for (const [kind, make] of PLACES) {
      if (kind === "store") continue;
      const place = make();
      await copyBySkopeo(image, place);
      const read = await done(place, `oci:${at("layout")}:app`);
      if (kind !== "docker-archive" && kind !== "docker, distribution's") expect(read["digest"]).toBe(digest);
    }
  }, 120_000);

  test("podman loads its docker-archive, under every name", async () => {
    const file = at("tar");
    // The other image has what this podman's vfs cannot unpack.
    const plain = `oci:${imagesFolder()}/busybox:gzip`;
    await done(
      plain,
      `docker-archive:${file}:r.example/team/app:1`,
      "--additional-tag",
      "r.example/team/app:2",
    );
    const storage = ["--root", at("podman"), "--runroot", at("run"), "--storage-driver", "vfs"];
    const loaded = await peer("podman", ...storage, "load", "-i", file);
    expect(loaded).toContain("r.example/team/app:1");
    const names = await peer("podman", ...storage, "images", "--format", "{{.Repository}}:{{.Tag}}");
    expect(names.trim().split("\n").sort()).toEqual(["r.example/team/app:1", "r.example/team/app:2"]);
    await peer("podman", ...storage, "rmi", "--all", "--force");
  }, 120_000);

  test("an image for docker's format: skopeo finds docker's words, and the ID stays", async () => {
    const place = `docker://${peers.address}/docker/app:1`;
    await done("--format", "v2s2", image, place);
    const manifest = JSON.parse(await peer("skopeo", "inspect", "--raw", "--tls-verify=false", place));
    expect(manifest.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
    const before = JSON.parse(await peer("skopeo", "inspect", "--raw", image));
    expect(manifest.config.digest).toBe(before.config.digest);
    expect((await copy("--format", "v2s2", "--preserve-digests", image, place)).stderr).toContain(
      "under its digest: --format docker makes it another image",
    );
  });

  describe("--all", () => {
    test("takes every platform along, and without it one is taken", async () => {
      const layout = at("index");
      const names = ["amd64", "arm64"].map((architecture) => `${registry.address}/parts/app:${architecture}`);
      for (const [number, name] of names.entries())
        await pushLayers(name, [{ file: `${number}` }], { architecture: ["amd64", "arm64"][number] ?? "" });
      const list = `teu-copy-${process.pid}`;
      const storage = ["--root", at("buildah"), "--runroot", at("run"), "--storage-driver", "vfs"];
      await peer("buildah", ...storage, "manifest", "create", list);
      for (const name of names)
        await peer("buildah", ...storage, "manifest", "add", "--tls-verify=false", list, `docker://${name}`);
      await peer(
        "buildah",
        ...storage,
        "manifest",
        "push",
        "--all",
        "--tls-verify=false",
        list,
        `oci:${layout}:app`,
      );
      const all = `docker://${peers.address}/index/app:1`;
      await done("--all", `oci:${layout}:app`, all);
      expect(await digestBySkopeo(all)).toBe(await digestBySkopeo(`oci:${layout}:app`));
      await copyBySkopeo(all, `oci:${at("again")}:app`, "--all");
      const one = await done("--platform", "linux/arm64", all, `oci:${at("one")}:app`);
      expect(one["mediaType"]).toBe("application/vnd.oci.image.manifest.v1+json");
      expect((await copy("--all", all, `docker-archive:${at("tar")}`)).stderr).toMatch(
        /^teu: Unsupported docker-archive for sha256:\S+: it is an index.*\nhint: Choose one with --platform/,
      );
      expect((await copy("--platform", "linux/s390x", all, `oci:${at("none")}`)).stderr).toContain(
        "Cannot find an image for linux/s390x: the index has linux/amd64, linux/arm64",
      );
    }, 60_000);
  });

  test("--referrers: signatures come along, to a registry that keeps lists and to one that does not", async () => {
    const name = `${registry.address}/signed/app:1`;
    await pushLayers(name, [{ file: "signed" }]);
    const key = store.path("release");
    await store.done("generate-key-pair", "--output-key-prefix", key);
    await store.done("sign", "--bundle", "--key", `${key}.key`, name);
    const archive = `oci-archive:${at("tar")}:app`;
    expect(((await done("--referrers", `docker://${name}`, archive))["referrers"] as unknown[]).length).toBe(
      1,
    );
    for (const { address } of [registry, peers]) {
      const copied = `${address}/signed/copy:1`;
      await done("--referrers", archive, `docker://${copied}`);
      const verified = await store.done("verify", "--key", `${key}.pub`, "--identity", name, copied);
      expect(verified).toContain(`signed with ${key}.pub`);
    }
    expect((await copy("--referrers", image, `dir:${at("dir")}`)).stderr).toContain(
      "such a place keeps no referrers",
    );
  });

  test("between repositories of one registry no byte is sent", async () => {
    await done(image, `docker://${peers.address}/mount/from:1`);
    expect(
      await done(`docker://${peers.address}/mount/from:1`, `docker://${peers.address}/mount/to:1`),
    ).toMatchObject({
      mounted: 3,
      sent: 0,
    });
  });

  test("--dest-compress-format packs the layers of each platform anew; what they hold stays", async () => {
    const names = ["amd64", "arm64"].map((architecture) => `${registry.address}/packed/${architecture}:1`);
    for (const name of names) {
      const architecture = name.includes("arm64") ? "arm64" : "amd64";
      await pushLayers(name, [{ same: "same" }, { file: architecture }], { architecture });
      await store.done("pull", "-q", "--platform", `linux/${architecture}`, name);
    }
    await store.done("image", "index", "create", "-a", "kept=yes", "-t", "packed:1", ...names);
    const layersIn = async (layout: string) => {
      const { manifests, annotations } = JSON.parse(
        await peer("skopeo", "inspect", "--raw", `oci:${layout}:x`),
      );
      expect(annotations).toEqual({ kept: "yes" });
      return manifests.flatMap(({ digest: one }: { digest: string }) => {
        const path = (of: string): string => join(layout, "blobs", of.replace(":", "/"));
        const { config, layers } = JSON.parse(readFileSync(path(one), "utf8"));
        const diffIDs = JSON.parse(readFileSync(path(config.digest), "utf8")).rootfs.diff_ids;
        return layers.map((layer: { mediaType: string; digest: string }, number: number) => [
          layer.mediaType.split(".").at(-1),
          layer.digest === diffIDs[number],
        ]);
      });
    };
    let from = "store:packed:1";
    for (const [words, type, isPlain] of [
      [["--dest-compress-format", "zstd"], "tar+zstd", false],
      [["--dest-decompress"], "tar", true],
      [["--dest-compress-format", "gzip"], "tar+gzip", false],
    ] as const) {
      const layout = at("packed");
      const { digest: made } = await done("--all", ...words, from, `oci:${layout}:x`);
      expect(await layersIn(layout)).toEqual(Array.from({ length: 4 }, () => [type, isPlain]));
      from = `oci:${layout}:x`;
      // Nothing is to be done again.
      const again = await done("--all", "--preserve-digests", ...words, from, `oci:${at("again")}:x`);
      expect(again["digest"]).toBe(made);
      await done("--all", from, "store:unpacked:1");
      expect(await store.done("image", "verify", "unpacked:1")).toBe("Everything is right\n");
    }
    const kept = await copy("--all", "--preserve-digests", "--dest-decompress", from, `oci:${at("no")}:x`);
    expect(kept.stderr).toContain("under its digest: another compression makes it another image");
    const wrong = await copy("--dest-compress-format", "lz4", from, `oci:${at("no")}:x`);
    expect(wrong.stderr).toContain('Invalid compression "lz4": wants gzip or zstd');
    for (const name of ["packed:1", "unpacked:1", ...names]) await store.done("rmi", name);
  }, 60_000);

  test("prints where the image is, writes the digest to a file, and gives more tags", async () => {
    const [place, file] = [`docker://${registry.address}/tags/app`, at("digest")];
    const output = await store.done(
      "copy",
      "-q",
      "--digestfile",
      file,
      "--dest-tag",
      "a",
      "--additional-tag",
      "b",
      image,
      place,
    );
    expect(output).toBe(`${place}:latest: digest: ${digest} size: ${(await done(image, place))["size"]}\n`);
    expect(readFileSync(file, "utf8")).toBe(digest);
    expect(await store.done("ls", `${registry.address}/tags/app`)).toBe("a\nb\nlatest\n");
  });

  test.each([
    [["oci:/no/such/layout", "dir:x"], "Cannot use oci:/no/such/layout: it has no oci-layout"],
    [
      ["docker-archive:/no/such/file", "dir:x"],
      "Cannot use docker-archive:/no/such/file: there is no such file",
    ],
    [["dir:/etc", "dir:x"], "Cannot use dir:/etc: it has no manifest.json"],
    [["no/such/image", "dir:x"], "No such image: no/such/image"],
    [["ostree:x", "dir:x"], "Unsupported place ostree:: such places are neither read nor written"],
    [["--format", "v1", "a", "b"], 'Invalid format "v1": wants oci or docker (v2s2)'],
    [["--all", "--platform", "linux/amd64", "a", "b"], "--all and --platform are mutually exclusive"],
    [["--src-creds", "x", "docker://r.example/a", "dir:x"], "Invalid credentials: wants NAME:PASSWORD"],
    [["--retry=-1", "docker://r.example/a", "dir:x"], "Invalid number of retries -1: wants 0 or more"],
  ])("%j: %s", async (words, says) => {
    const { status, stderr } = await copy(...words);
    expect({ status, first: stderr.split("\n")[0] }).toEqual({ status: 1, first: `teu: ${says}` });
  });

  test("refuses places that are not its own to write, and leaves them as they are", async () => {
    for (const [place, says] of [
      ["dir:/etc", "Cannot use dir:/etc: it is not empty, and holds no such image"],
      ["oci-archive:/dev/null", "Cannot use oci-archive:/dev/null: it is not a regular file"],
      ["oci-archive:/no/such/folder/x", "Cannot use oci-archive:/no/such/folder/x: it cannot be made there"],
    ] as const)
      expect((await copy(image, place)).stderr).toContain(says);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("a layout whose blobs are links is not followed", async () => {
    const layout = at("layout");
    await done(image, `oci:${layout}:app`);
    const blobs = join(layout, "blobs/sha256");
    const largest = readdirSync(blobs).sort(
      (a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size,
    )[0];
    rmSync(join(blobs, largest ?? ""));
    symlinkSync("/etc/passwd", join(blobs, largest ?? ""));
    const { status, stderr } = await copy(`oci:${layout}:app`, `docker://${registry.address}/stolen/app:1`);
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("a blob is not a regular file"),
    });
    expect((await store.teu("ls", `${registry.address}/stolen/app`)).stdout).toBe("");
  });

  test.each([
    ["oci-archive", "SIGINT", 130],
    ["docker-archive", "SIGTERM", 143],
    ["dir", "SIGINT", 130],
  ] as const)("%s: told to end (%s), it ends, and nothing half-made stays", async (kind, signal, status) => {
    const where = mkdtempSync(join(folder, "half-"));
    // A source that says how long its layer is, and never comes to its end.
    await using endless = await endlessRegistry();
    const child = Bun.spawn(
      [TEU, "copy", "-q", `docker://${endless.address}/app:1`, `${kind}:${where}/image`],
      {
        env: { ...store.env, PATH: process.env["PATH"] ?? "" },
        stderr: "pipe",
      },
    );
    await endless.asked;
    while (readdirSync(where).length === 0) await Bun.sleep(5);
    child.kill(signal);
    expect(await child.exited).toBe(status);
    expect(await child.stderr.text()).toBe(`teu: Interrupted by ${signal}\n`);
    expect(readdirSync(where)).toEqual([]);
  });
});

/** Serves one image, of whose layer a few bytes come. */
async function endlessRegistry(): Promise<AsyncDisposable & { address: string; asked: Promise<void> }> {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const text = (mediaType: string, value: object): [string, string] => [mediaType, JSON.stringify(value)];
  const hash = (value: string): string =>
    `sha256:${new Bun.CryptoHasher("sha256").update(value).digest("hex")}`;
  const type = "application/vnd.oci.image.manifest.v1+json";
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: hash("{}"), size: 2 };
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: hash("never"), size: 1 << 30 };
  const [, manifest] = text(type, { schemaVersion: 2, mediaType: type, config, layers: [layer] });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch({ url }) {
      if (url.includes("/manifests/")) return new Response(manifest, { headers: { "content-type": type } });
      if (url.endsWith(config.digest)) return new Response("{}");
      resolve();
      const body = new ReadableStream({
        async pull(controller) {
          controller.enqueue(new Uint8Array(1 << 16));
          await Bun.sleep(20);
        },
      });
      return new Response(body);
    },
  });
  return {
    address: `127.0.0.1:${server.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
