/** What is asked of registries directly: lists, manifests, blobs, referrers and the files of artifacts, at ours and at distribution's. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
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
import { digestOf } from "../../src/spec/index.ts";
import { needs, program, root } from "../support/needs.ts";
import { type DistributionProcess, startDistribution } from "./support/distribution.ts";
import { digestBySkopeo } from "./support/images.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, startRegistry } from "./support/registry.ts";
import { type Finished, run, TEU } from "./teu.ts";

const WANTED = [root, program("docker-registry"), program("skopeo")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
const folder = mkdtempSync(join(tmpdir(), "teu-remote-"));
let ours: RegistryProcess;
let theirs: DistributionProcess;

beforeAll(async () => {
  if (!isAble) return;
  [ours, theirs] = await Promise.all([startRegistry(), startDistribution()]);
});
afterAll(async () => {
  if (isAble) await Promise.all([ours[Symbol.asyncDispose](), theirs[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
const newFolder = (): string => {
  const path = join(folder, `work-${++count}`);
  mkdirSync(path);
  return path;
};
const teu = (words: readonly string[], options: { cwd?: string; stdin?: string } = {}): Promise<Finished> =>
  run([TEU, ...words], { env: { HOME: folder }, ...options });
const done = async (
  words: readonly string[],
  options?: { cwd?: string; stdin?: string },
): Promise<string> => {
  const { status, stdout, stderr } = await teu(words, options);
  if (status !== 0) throw new Error(`teu ${words.join(" ")}: status ${status}: ${stderr}`);
  return stdout;
};
const newImage = async (registry: { address: string }): Promise<{ name: string; digest: string }> => {
  const name = `${registry.address}/app${++count}`;
  const { manifest } = await pushLayers(`${name}:1`, [{ file: `${count}` }]);
  return { name, digest: manifest.digest };
};

describe.each([
  ["ours", () => ours],
  ["distribution's", () => theirs],
] as const)("a registry (%s)", (kind, registryOf) => {
  test("is searched, by its own search or by its list", async () => {
    const { name } = await newImage(registryOf());
    const { address } = registryOf();
    const term = name.slice(name.indexOf("/") + 1).toUpperCase();
    expect(await done(["search", "--format", "{{.Name}} {{.StarCount}}", `${address}/${term}`])).toContain(
      `${name} 0\n`,
    );
    expect(await done(["search", `${address}/${term}`])).toMatch(/^NAME +DESCRIPTION +STARS +OFFICIAL\n/);
    const [found] = JSON.parse(await done(["search", "--json", `${address}/${term}`]));
    expect(found).toMatchObject({ registry: address, name, isOfficial: false });
    expect(await done(["search", "--list-tags", name])).toMatch(/^NAME +TAG\n\S+ +1\n$/);
    expect(JSON.parse(await done(["search", "--json", "--limit", "1", `${address}/`]))).toHaveLength(1);
    expect(JSON.parse(await done(["search", "--json", "--filter", "stars=1", `${address}/${term}`]))).toEqual(
      [],
    );
    expect(JSON.parse(await done(["search", "--json", `${address}/no-such-thing`]))).toEqual([]);
    for (const [words, says] of [
      [["--filter", "colour=red", `${address}/${term}`], "Invalid filter"],
      [["--limit", "0", `${address}/${term}`], "Invalid number 0 of --limit"],
      [[""], "Invalid search"],
    ] as const) {
      const { status, stderr } = await teu(["search", ...words]);
      expect([status, stderr]).toEqual([1, expect.stringContaining(says)]);
    }
  });

  test("lists repositories and tags, as many as are wanted", async () => {
    const { name } = await newImage(registryOf());
    for (const tag of ["2", "3"]) await pushLayers(`${name}:${tag}`, [{ file: tag }]);
    const repository = name.slice(name.indexOf("/") + 1);
    expect((await done(["catalog", registryOf().address])).split("\n")).toContain(repository);
    expect(JSON.parse(await done(["catalog", "--json", "--limit", "1", registryOf().address]))).toHaveLength(
      1,
    );
    // distribution's lists are in no order.
    const list = async (...words: string[]) =>
      JSON.parse(await done(["ls", "--json", ...words, name])).sort();
    expect(await list()).toEqual(["1", "2", "3"]);
    expect(await list("--limit", "2")).toHaveLength(2);
    await done(["manifest", "put", `${name}:sha256-${"a".repeat(64)}.sig`], {
      stdin: await done(["manifest", "get", `${name}:1`]),
    });
    expect(await list("-O", "--full-ref")).toEqual(["1", "2", "3"].map((tag) => `${name}:${tag}`));
    const { address } = registryOf();
    expect((await done(["catalog", "--full-ref", address])).split("\n")).toContain(name);
    expect((await teu(["ls", `docker://${name}`])).stderr).toContain('it is written without "docker://"');
  });

  test("a manifest is got, looked at and put as it is", async () => {
    const { name, digest } = await newImage(registryOf());
    expect(await done(["manifest", "head", `${name}:1`])).toBe(`${digest}\n`);
    expect(JSON.parse(await done(["manifest", "digest", "--json", `${name}:1`]))).toMatchObject({ digest });
    const manifest = await done(["manifest", "get", `${name}:1`]);
    expect(digestOf(manifest)).toBe(digest as never);
    expect(await done(["manifest", "put", `${name}:again`], { stdin: manifest })).toBe(`${digest}\n`);
    expect(await digestBySkopeo(`docker://${name}:again`)).toBe(digest);
    const { config } = JSON.parse(manifest);
    expect(digestOf(await done(["manifest", "get", "--config", `${name}:1`]))).toBe(config.digest);
    const file = join(newFolder(), "manifest");
    await done(["manifest", "fetch", "-o", file, `${name}@${digest}`]);
    expect(readFileSync(file, "utf8")).toBe(manifest);
    const other = await teu(["manifest", "put", `${name}@${digest}`, "-"], { stdin: `${manifest} ` });
    expect(other.stderr).toContain(`Cannot put the manifest as ${digest}: its content hashes to`);
    expect((await teu(["manifest", "put", `${name}:x`], { stdin: "{}" })).stderr).toContain(
      "Cannot read manifest: schemaVersion",
    );
  });

  test("a manifest goes with its tags; a tag alone where the registry can", async () => {
    const { name, digest } = await newImage(registryOf());
    await done(["manifest", "put", `${name}:2`], { stdin: await done(["manifest", "get", `${name}:1`]) });
    const tag = await teu(["manifest", "rm", `${name}:2`]);
    if (kind === "ours") expect(await done(["ls", name])).toBe("1\n");
    else expect(tag.stderr).toContain("Not every registry removes tags");
    expect((await teu(["manifest", "rm", name])).stderr).toContain("wants a tag or a digest");
    await done(["manifest", "rm", `${name}@${digest}`]);
    expect((await teu(["manifest", "head", `${name}:1`])).stderr).toContain("no such image at the registry");
  });

  test("a blob is put, looked at, got and removed", async () => {
    const { name } = await newImage(registryOf());
    const file = join(newFolder(), "blob");
    const text = "some bytes\n".repeat(300_000);
    writeFileSync(file, text);
    const digest = (await done(["blob", "put", name, file])).trim();
    expect(digest).toBe(digestOf(text));
    expect(await done(["blob", "put", name], { stdin: text })).toBe(`${digest}\n`);
    expect(await done(["blob", "head", `${name}@${digest}`])).toBe(`${text.length}\n`);
    expect(await done(["blob", "get", `${name}@${digest}`])).toBe(text);
    await done(["blob", "get", "-o", `${file}.got`, `${name}@${digest}`]);
    expect(readFileSync(`${file}.got`, "utf8")).toBe(text);
    await done(["blob", "rm", `${name}@${digest}`]);
    for (const verb of ["head", "rm"])
      expect(await teu(["blob", verb, `${name}@${digest}`])).toMatchObject({
        status: 1,
        stderr: `teu: No such blob: ${name}@${digest}\n`,
      });
    await teu(["blob", "get", "-o", `${file}.gone`, `${name}@${digest}`]);
    expect(readdirSync(join(file, "..")).sort()).toEqual(["blob", "blob.got"]);
  });

  test("files are put under a name of their own, and got back", async () => {
    const name = `${registryOf().address}/artifacts/rules`;
    const cwd = newFolder();
    writeFileSync(join(cwd, "rules"), "a: b");
    const words = ["artifact", "push", "--artifact-type", "text/x-rules", "-a", "made=here"];
    const put = (await done([...words, `${name}:1`, "rules:text/yaml"], { cwd })).trim();
    expect(put).toBe(`${name}@${(await done(["manifest", "head", `${name}:1`])).trim()}`);
    expect(JSON.parse(await done(["manifest", "get", `${name}:1`]))).toMatchObject({
      artifactType: "text/x-rules",
      annotations: { made: "here" },
      layers: [{ mediaType: "text/yaml" }],
    });
    await done(["artifact", "pull", "-o", join(cwd, "got"), `${name}:1`]);
    expect(readFileSync(join(cwd, "got/rules"), "utf8")).toBe("a: b");
    expect((await teu([...words, put, join(cwd, "rules")])).stderr).toContain("wants a tag, or none");
  });

  test("files are attached, found, and got back; what is removed leaves the list", async () => {
    const { name, digest } = await newImage(registryOf());
    const cwd = newFolder();
    mkdirSync(join(cwd, "sub"));
    writeFileSync(join(cwd, "bom.json"), "{}");
    writeFileSync(join(cwd, "sub/note:a"), "a note");
    const type = ["--artifact-type", "application/spdx+json"];
    const files = ["bom.json:application/json", "sub/note:a"];
    const artifact = (
      await done(["artifact", "attach", ...type, "-a", "made=here", `${name}:1`, ...files], { cwd })
    ).trim();
    const second = (
      await done(["artifact", "attach", "--artifact-type", "text/x-note", "-a", "n=1", artifact])
    ).trim();
    const third = (
      await done(["artifact", "attach", "--artifact-type", "text/x-note", "-a", "n=2", `${name}:1`])
    ).trim();
    const digestIn = (reference: string): string => reference.slice(reference.indexOf("@") + 1);
    const list = async (...words: string[]) =>
      JSON.parse(await done(["referrers", "--json", ...words, `${name}:1`]));
    expect(await list("--artifact-type", "application/spdx+json")).toMatchObject([
      { digest: digestIn(artifact), artifactType: "application/spdx+json", annotations: { made: "here" } },
    ]);
    expect((await list()).map((one: { digest: string }) => one.digest).sort()).toEqual(
      [artifact, third].map(digestIn).sort(),
    );
    const tree = await done(["referrers", "--tree", `${name}:1`]);
    expect(tree.split("\n")[0]).toBe(digest);
    expect(tree).toMatch(new RegExp(`(│   |    )└── ${digestIn(second)} text/x-note\n`));
    expect(await done(["artifact", "pull", "-o", "out", artifact], { cwd })).toBe(
      "out/bom.json\nout/sub/note:a\n",
    );
    expect(readFileSync(join(cwd, "out/sub/note:a"), "utf8")).toBe("a note");
    await done(["manifest", "rm", third]);
    expect((await list()).map((one: { digest: string }) => one.digest)).toEqual([digestIn(artifact)]);
    // Where clients keep the lists, each is a tag.
    const lists = kind === "ours" ? [] : [digest, digestIn(artifact)].map((one) => one.replace(":", "-"));
    const tags: string[] = JSON.parse(await done(["ls", "--json", name]));
    expect(tags.sort()).toEqual(["1", ...lists].sort());
  });
});

describe("teu artifact", () => {
  /** An artifact whose files have these titles, and each the text "canary". */
  const hostile = async (...titles: string[]): Promise<string> => {
    const { name } = await newImage(ours);
    const digest = (await done(["blob", "put", name], { stdin: "canary" })).trim();
    const empty = (await done(["blob", "put", name], { stdin: "{}" })).trim();
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: "text/x-evil",
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: empty, size: 2 },
      layers: titles.map((title) => ({
        ...{ mediaType: "text/plain", digest, size: 6 },
        annotations: { "org.opencontainers.image.title": title },
      })),
    };
    await done(["manifest", "put", `${name}:evil`], { stdin: JSON.stringify(manifest) });
    return `${name}:evil`;
  };

  // oras wrote such files wherever their titles said.
  test.each([
    ["../canary"],
    ["a/../../canary"],
    ["/canary"],
    [".."],
    ["."],
    [""],
    ["a//canary"],
    ["a/"],
    ["a\0b"],
  ])("pull of a file called %j writes nothing", async (title) => {
    const cwd = newFolder();
    mkdirSync(join(cwd, "out"));
    const { status, stderr } = await teu(["artifact", "pull", "-o", "out", await hostile("good", title)], {
      cwd,
    });
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("is no name for a file below a folder"),
    });
    expect([readdirSync(cwd), readdirSync(join(cwd, "out"))]).toEqual([["out"], []]);
    expect(existsSync("/canary")).toBe(false);
  });

  test("pull of two files of one name writes nothing", async () => {
    const cwd = newFolder();
    expect((await teu(["artifact", "pull", await hostile("a", "./a")], { cwd })).stderr).toContain(
      "stands there twice",
    );
    expect(readdirSync(cwd)).toEqual([]);
  });

  test("pull follows no link that lies in the folder", async () => {
    const [cwd, victim] = [newFolder(), newFolder()];
    writeFileSync(join(victim, "file"), "mine");
    symlinkSync(victim, join(cwd, "folder"));
    symlinkSync(join(victim, "file"), join(cwd, "file"));
    expect((await teu(["artifact", "pull", await hostile("folder/file")], { cwd })).stderr).toContain(
      "folder is not a folder",
    );
    await done(["artifact", "pull", await hostile("file")], { cwd });
    expect(readFileSync(join(cwd, "file"), "utf8")).toBe("canary");
    expect(readFileSync(join(victim, "file"), "utf8")).toBe("mine");
  });

  test.each([
    [["artifact", "attach", "r.example/a"], "Must provide --artifact-type"],
    [
      ["artifact", "attach", "--artifact-type", "a/b", "r.example/a"],
      "Must provide a file or an --annotation",
    ],
    [
      ["artifact", "attach", "--artifact-type", "a/b", "r.example/a", "/no/file"],
      'Cannot attach "/no/file": there is no such file',
    ],
    [
      ["artifact", "attach", "--artifact-type", "a/b", "r.example/a", "/etc"],
      'Unsupported attaching "/etc": it is not a regular file; pack a folder first',
    ],
    [["blob", "get", "r.example/a"], 'Invalid blob "r.example/a": wants REPOSITORY@DIGEST'],
    [["ls", "--limit", "0", "r.example/a"], "Invalid number 0 of --limit: wants 1 or more"],
    [["manifest", "nix"], 'Unknown command "nix" of teu manifest'],
  ])("%j: %s", async (words, says) => {
    const { status, stderr } = await teu(words);
    expect({ status, first: stderr.split("\n")[0] }).toEqual({ status: 1, first: `teu: ${says}` });
  });
});
