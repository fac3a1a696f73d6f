/** `teu sync` as skopeo's users know it, and beside skopeo; and mirrors for what is copied from registries. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program } from "../support/needs.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const SKOPEO = program("skopeo");
const test = needs();
const beside = needs(SKOPEO);
const folder = mkdtempSync(join(tmpdir(), "teu-sync-"));
let registry: RegistryProcess;
let front: ReturnType<typeof Bun.serve>;
/** What the front was asked, and what it breaks. */
let asked: string[] = [];
let broken = "";
let digest = "";
let count = 0;
const at = (name: string) => join(folder, `${++count}-${name}`);
const env = (more: Record<string, string> = {}) => ({
  HOME: folder,
  TEU_ROOT: join(folder, "root"),
  TEU_RUN: join(folder, "run"),
  ...more,
});
const sync = (...words: string[]) => run([TEU, "sync", ...words], { env: env() });

beforeAll(async () => {
  registry = await startRegistry();
  front = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      asked.push(`${request.method} ${pathname}`);
      if (broken !== "" && pathname.includes(broken)) return new Response("no", { status: 403 });
      return await fetch(`http://${registry.address}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        body: request.body,
        redirect: "manual",
      });
    },
  });
  const at = `${registry.address}/team`;
  const { manifest } = await pushLayers(`${at}/box:1.9`, [{ file: "one\n" }]);
  digest = manifest.digest;
  await pushLayers(`${at}/box:1.10`, [{ file: "ten\n" }]);
  await pushLayers(`${at}/box:edge`, [{ file: "edge\n" }]);
  await pushLayers(`${at}/other:v2`, [{ file: "other\n" }]);
  const foreign = process.arch === "arm64" ? "amd64" : "arm64";
  const [own, else_] = [
    await pushLayers(`${at}/many:own`, [{ file: "own\n" }]),
    await pushLayers(`${at}/many:else`, [{ file: "else\n" }], { architecture: foreign }),
  ];
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...own.manifest,
        platform: { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" },
      },
      { ...else_.manifest, platform: { os: "linux", architecture: foreign } },
    ],
  };
  const put = await fetch(`http://${at.replace("/team", "/v2/team")}/many/manifests/1`, {
    method: "PUT",
    headers: { "content-type": index.mediaType },
    body: JSON.stringify(index),
  });
  expect(put.status).toBe(201);
});
afterAll(async () => {
  await front.stop(true);
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const host = () => `127.0.0.1:${front.port}`;
const tree = (base: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(base.length), Bun.hash(readFileSync(path)).toString()]),
  );
/** A file of all kinds of selection that skopeo 1.9 knows. */
function list(): string {
  const path = at("images.yml");
  writeFileSync(
    path,
    `# mirrored every night
${host()}:
  tls-verify: false
  images:
    team/box:
      - 1.10   # not 1.1
      - "${digest}"
    team/many: ["1"]
  images-by-tag-regex:
    team/other: ^v[0-9]$
`,
  );
  return path;
}

describe("teu sync", () => {
  for (const flags of [[], ["--scoped"], ["--all", "--scoped"]])
    beside(`makes the folders that skopeo makes ${flags.join(" ")}`, async () => {
      const [ours, theirs, file] = [at("ours"), at("theirs"), list()];
      const words = ["--src", "yaml", "--dest", "dir", ...flags, file];
      const skopeo = await run(["skopeo", "--insecure-policy", "sync", ...words, theirs], { env: env() });
      expect(skopeo.status).toBe(0);
      expect(await sync(...words, ours)).toMatchObject({ status: 0, stderr: "" });
      expect(tree(ours)).toEqual(tree(theirs));
      expect(Object.keys(tree(ours)).length).toBeGreaterThan(12);
    });

  test("from folders to a registry, and what is there costs one HEAD at each side", async () => {
    const base = at("usb");
    expect(
      await sync("--src", "docker", "--dest", "dir", `${registry.address}/team/box`, base),
    ).toMatchObject({ status: 0 });
    expect(readdirSync(base).sort()).toEqual(["box:1.10", "box:1.9", "box:edge"]);
    const to = `${registry.address}/from-usb`;
    const first = await sync("-s", "dir", "-d", "docker", base, to);
    const more = await sync("-s", "dir", "-d", "docker", "--append-suffix", "-x", join(base, "box:1.9"), to);
    expect(more.stdout).toContain(` -> docker://${to}/box:1.9-x: copied ${digest}`);
    expect(first.stdout).toContain(`dir:${base}/box:1.9 -> docker://${to}/box:1.9: copied ${digest}`);
    expect(first.stdout).toContain("3 images copied, 0 unchanged, 0 failed");
    // Several go at once, and are told of as they are done.
    const lines = async () => (await sync("-s", "dir", "-d", "docker", base, to)).stdout.split("\n").sort();
    expect(await lines()).toEqual(await lines());
    const file = at("images.yml");
    writeFileSync(file, `${host()}: {images: {team/box: [1.9, 1.10]}}`);
    const there = `${host()}/from-usb`;
    asked = [];
    const again = await sync("--src", "yaml", "--dest", "docker", file, there);
    expect(again.stdout).toContain("0 images copied, 2 unchanged, 0 failed; 0 B sent");
    expect(asked.sort()).toEqual(
      ["from-usb", "team"].flatMap((name) =>
        ["1.10", "1.9"].map((tag) => `HEAD /v2/${name}/box/manifests/${tag}`),
      ),
    );
  });

  test("of an index the image of one platform, or all; both are known again", async () => {
    const words = ["--src", "docker", "--dest", "docker", "--json", `${registry.address}/team/many:1`];
    for (const flags of [[], ["--all"]]) {
      const to = `${registry.address}/index${flags.length}`;
      for (const want of ["copied", "unchanged"]) {
        const { stdout, stderr } = await sync(...words, ...flags, to);
        expect(stderr).toBe("");
        expect(JSON.parse(stdout)).toMatchObject({
          images: [{ destination: `docker://${to}/many:1`, outcome: want }],
        });
      }
    }
  });

  test("to a layout, from it to folders and to a registry; skopeo reads it", async () => {
    const layout = at("layout");
    const from = `${registry.address}/team/box`;
    const brought = await sync("-s", "docker", "-d", "oci", from, layout);
    expect(brought).toMatchObject({ status: 0, stderr: "" });
    expect(brought.stdout).toContain(`docker://${from}:1.9 -> oci:${layout}:box:1.9: copied ${digest}`);
    expect((await sync("-s", "docker", "-d", "oci", from, layout)).stdout).toContain(
      "0 images copied, 3 unchanged, 0 failed; 0 B sent",
    );
    const names = (path: string) =>
      (JSON.parse(readFileSync(join(path, "index.json"), "utf8")).manifests as { annotations?: object }[])
        .map(({ annotations }) => Object.values(annotations ?? {})[0])
        .sort();
    expect(names(layout)).toEqual(["box:1.10", "box:1.9", "box:edge"]);
    const usb = at("usb");
    expect(await sync("-s", "oci", "-d", "dir", layout, usb)).toMatchObject({ status: 0 });
    expect(readdirSync(usb).sort()).toEqual(["box:1.10", "box:1.9", "box:edge"]);
    const to = `${registry.address}/from-layout`;
    const one = await sync("-s", "oci", "-d", "docker", `${layout}:box:1.9`, to);
    expect(one.stdout).toContain(`oci:${layout}:box:1.9 -> docker://${to}/box:1.9: copied ${digest}`);
    expect(one.stdout).toContain("1 images copied");
    const whole = at("whole");
    expect(
      await sync("-s", "dir", "-d", "oci", "--scoped", "--append-suffix", "-x", usb, whole),
    ).toMatchObject({
      status: 0,
    });
    expect(names(whole)).toEqual(["box:1.10-x", "box:1.9-x", "box:edge-x"]);
  });

  beside("a layout of skopeo's, whose images are called by tags alone, is named for its folder", async () => {
    const layout = at("theirs");
    const from = `docker://${registry.address}/team/box:1.9`;
    const words = ["--insecure-policy", "copy", "-q", "--src-tls-verify=false", from, `oci:${layout}:v1`];
    expect(await run(["skopeo", ...words], { env: env() })).toMatchObject({ status: 0 });
    const to = `${registry.address}/skopeo`;
    const name = layout.slice(layout.lastIndexOf("/") + 1);
    expect((await sync("-s", "oci", "-d", "docker", layout, to)).stdout).toContain(
      `-> docker://${to}/${name}:v1: copied ${digest}`,
    );
  });

  test("versions and expressions choose tags; --dry-run copies nothing; --digestfile", async () => {
    const file = at("images.yml");
    writeFileSync(
      file,
      `${host()}:\n  images-by-semver:\n    team/box: ">= 1.2"\n  images-by-tag-regex: {team/other: "(?i)^V"}`,
    );
    const to = `${registry.address}/semver`;
    const words = ["--src", "yaml", "--dest", "docker", file, to, "--digestfile", at("digests")];
    const dry = await sync(...words, "--dry-run");
    expect(dry.stdout).toContain("3 images would be copied, 0 unchanged");
    expect(existsSync(words.at(-1) ?? "")).toBe(false);
    expect((await sync(...words)).stdout).toContain("3 images copied");
    const lines = readFileSync(words.at(-1) ?? "", "utf8")
      .trim()
      .split("\n");
    expect(lines).toContain(`${digest} docker://${to}/box:1.9`);
    expect(lines).toHaveLength(3);
  });

  test("one that fails: with --keep-going the others are copied; the status is 1 either way", async () => {
    const file = at("images.yml");
    writeFileSync(
      file,
      `${host()}:\n  images:\n    team/gone: []\n    team/box: [1.9, none]\n    team/other: [v2]\n`,
    );
    broken = "/other/manifests";
    const kept = await sync(
      "--src",
      "yaml",
      "--dest",
      "docker",
      "--keep-going",
      "--retry",
      "0",
      file,
      `${registry.address}/kept`,
    );
    broken = "";
    expect(kept.status).toBe(1);
    expect(kept.stdout).toContain("1 images copied, 0 unchanged, 3 failed");
    for (const says of [
      "/team/gone: ",
      "/team/box:none -> ",
      "/team/other:v2 -> ",
      "Cannot synchronise all images: 3 of 4 failed",
    ])
      expect(kept.stderr).toContain(says);
    const ended = await sync("--src", "yaml", "--dest", "docker", file, `${registry.address}/ended`);
    expect(ended).toMatchObject({ status: 1 });
    expect(ended.stderr).toContain("/team/gone: ");
  });

  test.each([
    [["--src", "yaml", "--dest", "docker", "none.yml", "x"], 'Cannot read "none.yml": it is not there'],
    [["--dest", "docker", "a", "x"], "Must provide --src: wants one of docker, yaml, dir, oci"],
    [["--src", "tar", "--dest", "docker", "a", "x"], 'Invalid value "tar" of --src'],
    [["--src", "oci", "--dest", "docker", "/none", "x"], 'There is no layout "/none"'],
    [["--src", "dir", "--dest", "dir", "a", "x"], "rsync does that"],
    [["--src", "dir", "--dest", "docker", "/none", "x"], "There is no folder"],
  ])("%j is refused", async (words, says) => {
    const { status, stderr } = await sync(...words);
    expect(status).toBe(1);
    expect(stderr).toContain(says);
  });
});

describe("mirrors of registries.conf", () => {
  const copyBy = async (mirror: string, ...words: string[]) => {
    const conf = at("registries.conf");
    writeFileSync(
      conf,
      `[[registry]]\nprefix = "hub.example"\nlocation = "${registry.address}"\n[[registry.mirror]]\nlocation = "${mirror}"\n`,
    );
    asked = [];
    return await run([TEU, ...words], { env: env({ CONTAINERS_REGISTRIES_CONF: conf }) });
  };

  test("teu copy and sync read from them", async () => {
    const copied = await copyBy(
      host(),
      "copy",
      "-q",
      "docker://hub.example/team/box:1.9",
      `dir:${at("dir")}`,
    );
    expect(copied).toMatchObject({ status: 0, stderr: "" });
    expect(asked.filter((line) => line.includes("/blobs/"))).toHaveLength(2);
    const words = ["sync", "--src", "docker", "--dest", "dir", "hub.example/team/box:1.9", at("dir")];
    expect(await copyBy(host(), ...words)).toMatchObject({ status: 0, stderr: "" });
    expect(asked.filter((line) => line.includes("/blobs/"))).toHaveLength(2);
  });

  test("one that has the manifest but no blobs, or is not there, is gone past", async () => {
    broken = "/blobs/";
    const words = ["copy", "-q", "docker://hub.example/team/box:1.9"];
    expect(await copyBy(host(), ...words, `dir:${at("dir")}`)).toMatchObject({ status: 0, stderr: "" });
    broken = "";
    expect(await copyBy("127.0.0.1:1", ...words, `dir:${at("dir")}`)).toMatchObject({
      status: 0,
      stderr: "",
    });
    const failed = await copyBy(
      "127.0.0.1:1",
      "copy",
      "-q",
      "docker://hub.example/team/box:none",
      `dir:${at("dir")}`,
    );
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("its mirrors before: ");
  });
});
