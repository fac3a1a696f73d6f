/** Upkeep by the built program: asked of a registry that serves, and done on one that does not. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { type RegistryProcess, serveRegistry } from "./support/registry.ts";
import { teu } from "./teu.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const folder = mkdtempSync(join(tmpdir(), "teu-upkeep-"));
const root = join(folder, "registry");
const config = join(folder, "config.yaml");
writeFileSync(config, `root: ${root}\nlisten: 127.0.0.1:0\nremoveUntagged: ["**"]\n`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = () => serveRegistry("--config", config);
const urlOf = ({ address }: RegistryProcess): string => `http://${address}/v2/a/image`;

async function push(url: string, tag: string): Promise<string> {
  const post = { method: "POST", body: tag };
  expect((await fetch(`${url}/blobs/uploads/?digest=${digestOf(tag)}`, post)).status).toBe(201);
  const config = { mediaType: "application/x", digest: digestOf(tag), size: tag.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] });
  const put = await fetch(`${url}/manifests/${tag}`, {
    method: "PUT",
    body,
    headers: { "content-type": MANIFEST },
  });
  expect(put.status).toBe(201);
  return digestOf(body);
}

const blobPath = (digest: string): string => join(root, "content/blobs", digest.replace(":", "/"));
async function upkeep(...words: string[]): Promise<string> {
  const { stdout, stderr } = await teu(["registry", ...words, "--config", config]);
  expect(stderr).toBe("");
  return stdout;
}

test("stats, check and gc are the same of a registry that serves and of one that does not", async () => {
  await using registry = await start();
  const url = urlOf(registry);
  for (const tag of ["one", "two"]) await push(url, tag);
  await fetch(`${url}/blobs/uploads/?digest=${digestOf("three")}`, { method: "POST", body: "three" });
  const asked = [await upkeep("stats"), await upkeep("check"), await upkeep("gc", "--dry-run", "--explain")];
  expect(asked[0]).toContain("manifests     2\nblobs         3\n");
  expect(asked[1]).toBe("Everything is right\n");
  expect(asked[2]).toBe("Would remove 0 tags, 0 manifests, 0 blobs; 0 B of content\n");
  // The socket is for whom the folder belongs to.
  expect(statSync(join(root, "control.sock")).mode & 0o777).toBe(0o600);
  expect(await registry.end("SIGTERM")).toBe(0);
  expect([
    await upkeep("stats"),
    await upkeep("check"),
    await upkeep("gc", "--dry-run", "--explain"),
  ]).toEqual(asked);
});

test("a lost and a damaged blob are found, named, and no longer served", async () => {
  await using registry = await start();
  const url = urlOf(registry);
  const [lost, damaged, whole] = [
    await push(url, "lost"),
    await push(url, "damaged"),
    await push(url, "whole"),
  ];
  expect(await registry.end("SIGTERM")).toBe(0);
  unlinkSync(blobPath(digestOf("lost")));
  truncateSync(blobPath(digestOf("damaged")), 1);
  const first = await teu(["registry", "check", "--config", config]);
  expect(first.status).toBe(1);
  expect(first.stdout).toContain(`blob  a/image@${digestOf("lost")}  its content is not there`);
  expect(first.stdout).toContain(`blob  a/image@${digestOf("damaged")}  it has 1 bytes instead of 7`);
  await using again = await start();
  const repaired = await upkeep("repair");
  expect(repaired).toContain("its content lies in damaged/");
  expect(await upkeep("check")).toBe("Everything is right\n");
  for (const [digest, status] of [
    [lost, 404],
    [damaged, 404],
    [whole, 200],
  ] as const)
    expect((await fetch(`${urlOf(again)}/manifests/${digest}`)).status).toBe(status);
  // Whoever has it pushes it again.
  await push(urlOf(again), "lost");
  expect(await upkeep("check")).toBe("Everything is right\n");
  expect(await again.end("SIGTERM")).toBe(0);
});

test("a blob that became a folder or a link is a damage like others, and makes room for the next push", async () => {
  {
    await using registry = await start();
    for (const tag of ["folder", "link"]) await push(urlOf(registry), tag);
  }
  const elsewhere = join(folder, "elsewhere");
  writeFileSync(elsewhere, "link");
  for (const tag of ["folder", "link"]) unlinkSync(blobPath(digestOf(tag)));
  mkdirSync(blobPath(digestOf("folder")));
  symlinkSync(elsewhere, blobPath(digestOf("link")));
  const { status, stdout } = await teu(["registry", "check", "--config", config]);
  expect([status, stdout.match(/its content is not a regular file$/gm)?.length]).toEqual([1, 2]);
  expect(await upkeep("repair")).toContain("its content lies in damaged/");
  expect(await upkeep("check")).toBe("Everything is right\n");
  expect(readFileSync(elsewhere, "utf8")).toBe("link");
  await using again = await start();
  for (const tag of ["folder", "link"]) await push(urlOf(again), tag);
  expect(await upkeep("check")).toBe("Everything is right\n");
});

describe("a registry whose records are lost is not taken for a new one, whose content nobody needs", () => {
  const place = join(folder, "lost");
  const records = join(place, "registry.db");
  const COMMANDS = [["check"], ["repair"], ["gc"], ["stats"], ["serve", "--listen", "127.0.0.1:0"]];

  test.each([
    ["gone", "the file is gone, and what it was of is there", () => rmSync(records)],
    ["empty", "the file is empty", () => truncateSync(records)],
    ["damaged", "the file is damaged", () => writeFileSync(records, "x".repeat(8192))],
  ])("%s", async (_, why, lose) => {
    rmSync(place, { recursive: true, force: true });
    {
      await using registry = await serveRegistry("--root", place, "--listen", "127.0.0.1:0");
      await push(urlOf(registry), "kept");
    }
    lose();
    const line = `teu: Cannot open the registry's records ${JSON.stringify(records)}: ${why}`;
    for (const words of COMMANDS) {
      const { status, stdout, stderr } = await teu(["registry", ...words, "--root", place]);
      expect([status, stdout, stderr.split("\n")[0]]).toEqual([1, "", line]);
    }
    const kept = join(place, "content/blobs", digestOf("kept").replace(":", "/"));
    expect(readFileSync(kept, "utf8")).toBe("kept");
  });

  test("in the middle of the file: check tells", async () => {
    rmSync(place, { recursive: true, force: true });
    {
      await using registry = await serveRegistry("--root", place, "--listen", "127.0.0.1:0");
      await push(urlOf(registry), "kept");
    }
    const bytes = readFileSync(records);
    writeFileSync(records, bytes.fill(0xff, 4096, bytes.length - 4096));
    const { status, stderr } = await teu(["registry", "check", "--root", place]);
    expect([status, stderr]).toEqual([1, expect.stringContaining("Cannot open the registry's records")]);
  });
});

test("where there is no registry, upkeep makes none", async () => {
  const nowhere = join(folder, "mistyped");
  for (const words of [["check"], ["repair"], ["gc", "--dry-run"], ["stats"]])
    expect(await teu(["registry", ...words, "--root", nowhere])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining(`Cannot find a registry in ${JSON.stringify(nowhere)}`),
    });
  expect(existsSync(nowhere)).toBe(false);
});
