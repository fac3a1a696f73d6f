/**
 * Registries that lie, send elsewhere, or never end, as the built program meets them: it ends with one line, has shown nobody a password that
 * is not theirs, kept nothing that was not asked for, and taken little memory. The numbers are those of the classes in docs/reference/attacks.md.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import {
  type RegistryProcess,
  Store,
  serveRegistry,
  startRegistry,
} from "../integration/support/registry.ts";
import { TEU } from "../integration/teu.ts";
import { Certificates } from "../support/certificates.ts";
import { needs, program, root } from "../support/needs.ts";
import { pushRaw, putBlob, putManifest } from "./support/raw-image.ts";

const WANTED = [root, program("openssl")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
/** What a sender of endless bytes gets rid of: what is read, and what lies in sockets and buffers. */
const FLAT_BYTES = 48 << 20;
const SECRET = "me:s3cret";
const SHOWN = Buffer.from(SECRET).toString("base64");
const folder = mkdtempSync(join(tmpdir(), "teu-hostile-"));

let registry: RegistryProcess;
let store: Store;
let good: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  good = `${registry.address}/good/app:1`;
  await pushRaw(good, []);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** A server that answers as `answer` says, and remembers who said what to it. */
function double(
  answer: (request: Request, own: string) => Response | Promise<Response>,
  tls?: Bun.TLSOptions,
) {
  const heard: string[] = [];
  const server: Bun.Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    ...(tls !== undefined && { tls }),
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      heard.push(`${request.method} ${pathname}${search} ${request.headers.get("authorization") ?? "-"}`);
      return answer(request, `127.0.0.1:${server.port}`);
    },
  });
  return {
    address: `127.0.0.1:${server.port}`,
    heard,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** Runs it, without a hurry but with an end. */
async function teu(...words: string[]) {
  const child = Bun.spawn([TEU, ...words], {
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...store.env },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  const [stdout, stderr, status] = [
    await new Response(child.stdout).text(),
    await new Response(child.stderr).text(),
    await child.exited,
  ];
  return { stdout, stderr, status };
}

/** It ends in one line, with a hint perhaps. */
async function fails(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await teu(...words);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^teu: [^\n]+\n(hint: [^\n]+\n)?$/);
  expect(stderr).not.toContain("s3cret");
  return stderr;
}

const typed = (mediaType: string, body: string | object): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), {
    headers: { "content-type": mediaType },
  });
let sentBytes = 0;
const endless = (): ReadableStream<Uint8Array> => {
  const piece = new Uint8Array(1 << 20).fill(32);
  sentBytes = 0;
  return new ReadableStream({
    pull(controller) {
      sentBytes += piece.byteLength;
      controller.enqueue(piece);
    },
  });
};

test("12: bytes that are not those of the digest, and digests that are paths (CVE-2024-3727)", async () => {
  const wanted = digestOf("what was asked for");
  using liar = double(() => typed(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST }));
  expect(await fails("pull", "-q", `${liar.address}/a@${wanted}`)).toContain("hashes to");
  for (const digest of [
    "sha256:../../../x",
    `sha256:${"A".repeat(64)}`,
    "sha256:ab",
    `sha512:${"a".repeat(64)}`,
  ]) {
    const layer = { mediaType: "application/x", digest, size: 1 };
    using path = double(() =>
      typed(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config: layer, layers: [layer] }),
    );
    expect(await fails("pull", "-q", `${path.address}/a:1`)).toContain("digest");
    expect(path.heard.some((line) => line.includes("/blobs/"))).toBe(false);
  }
});

test("13: one document that is two (CVE-2021-41190)", async () => {
  const blob = { mediaType: "application/x", digest: digestOf("x"), size: 1 };
  const both = { schemaVersion: 2, config: blob, layers: [], manifests: [] };
  for (const document of [both, { ...both, mediaType: INDEX }])
    for (const type of [MANIFEST, INDEX]) {
      using confused = double(() => typed(type, document));
      await fails("pull", "-q", `${confused.address}/a:1`);
    }
});

describe("14: what has no end", () => {
  test.each([
    ["a manifest", MANIFEST, ["pull", "-q"], ":1"],
    ["a list of tags", "application/json", ["ls"], ""],
    ["a list of referrers", INDEX, ["referrers"], `@${digestOf("x")}`],
  ])("%s", async (_, type, words, suffix) => {
    using flood = double(() => new Response(endless(), { headers: { "content-type": type } }));
    await fails(...words, `${flood.address}/a${suffix}`);
    expect(sentBytes).toBeLessThan(FLAT_BYTES);
  });
  test("a token", async () => {
    using flood = double((request, own) =>
      request.url.includes("/token")
        ? new Response(endless())
        : new Response(null, {
            status: 401,
            headers: { "www-authenticate": `Bearer realm="http://${own}/token"` },
          }),
    );
    await fails("ls", `${flood.address}/a`);
    expect(sentBytes).toBeLessThan(FLAT_BYTES);
  });
  test("links to the next page", async () => {
    let page = 0;
    using ring = double(() =>
      Response.json(
        { name: "a", tags: ["1"] },
        { headers: { link: `</v2/a/tags/list?last=${++page}>; rel="next"` } },
      ),
    );
    const { status, stderr } = await teu("ls", `${ring.address}/a`);
    expect([status, stderr]).toEqual([1, expect.stringContaining("no end")]);
  }, 30_000);
});

describe("16, 17: where it sends us", () => {
  const challenge = (value: string): Response =>
    new Response(null, { status: 401, headers: { "www-authenticate": value } });
  const isKnown = (request: Request): boolean => request.headers.get("authorization") === `Basic ${SHOWN}`;

  test("a blob elsewhere is got without our password, and who asks for it there does not get it", async () => {
    const config = "{}";
    using sink = double(() => challenge(`Basic realm="sink"`));
    using sends = double((request) => {
      if (!isKnown(request)) return challenge('Basic realm="r"');
      if (request.url.includes("/blobs/"))
        return new Response(null, { status: 307, headers: { location: `http://${sink.address}/blob` } });
      return typed(MANIFEST, {
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: 2 },
        layers: [],
      });
    });
    await fails("pull", "-q", "--creds", SECRET, `${sends.address}/a:1`);
    expect(sink.heard.length).toBeGreaterThan(0);
    expect(sink.heard.filter((line) => !line.endsWith(" -"))).toEqual([]);
  });

  test.each([
    ["the machine's neighbourhood", () => "http://169.254.169.254/latest"],
    ["a file", () => "file:///etc/passwd"],
  ])("a token of %s is not asked for", async (_, realm) => {
    using sends = double(() => challenge(`Bearer realm="${realm()}",service="s"`));
    expect(await fails("ls", "--creds", SECRET, `${sends.address}/a`)).toContain("realm");
  });

  test("the next page of a list, and an upload, stay with the registry", async () => {
    using sink = double(() => Response.json({ name: "a", tags: ["sink"] }));
    using sends = double((request) =>
      request.method === "GET"
        ? Response.json(
            { name: "a", tags: ["1"] },
            { headers: { link: `<http://${sink.address}/v2/a/tags/list>; rel="next"` } },
          )
        : new Response(null, { status: 202, headers: { location: `http://${sink.address}/upload` } }),
    );
    await teu("ls", "--creds", SECRET, `${sends.address}/a`);
    writeFileSync(join(folder, "blob"), "blob");
    await fails("blob", "put", "--creds", SECRET, `${sends.address}/a`, join(folder, "blob"));
    expect(sink.heard).toEqual([]);
  });
});

test("18: a password does not leave https for http (CVE-2019-10214)", async () => {
  using certificates = new Certificates();
  certificates.root("server");
  const tls = { cert: certificates.text("server.pem"), key: certificates.text("server.key") };
  // That https is spoken at all, also on this machine: a registry at 127.0.0.1 was spoken to by http whatever was said.
  using fine = double(() => Response.json({ name: "a", tags: ["1"] }), tls);
  expect(await teu("ls", "--tls-verify=false", `${fine.address}/a`)).toMatchObject({
    status: 0,
    stdout: "1\n",
  });
  using sink = double(() => Response.json({ token: "t" }));
  using secure = double(
    () =>
      new Response(null, {
        status: 401,
        headers: { "www-authenticate": `Bearer realm="http://${sink.address}/token"` },
      }),
    tls,
  );
  expect(await fails("ls", "--tls-verify=false", "--creds", SECRET, `${secure.address}/a`)).toContain(
    "realm",
  );
  using moved = double(
    () => new Response(null, { status: 301, headers: { location: `http://${sink.address}/v2/` } }),
    tls,
  );
  await fails("ls", "--tls-verify=false", "--creds", SECRET, `${moved.address}/a`);
  expect(sink.heard).toEqual([]);
});

test("23: an index of forty levels, each twice in the next, is not walked by its 2^40 paths", async () => {
  const at = `http://${registry.address}/v2/deep/app`;
  const config = await putBlob(at, "{}");
  const empty = { mediaType: "application/vnd.oci.empty.v1+json", digest: config, size: 2 };
  const leaf = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType: "a/b",
    config: empty,
    layers: [empty],
  });
  let below = { mediaType: MANIFEST, digest: await putManifest(at, "leaf", leaf), size: leaf.length };
  for (let level = 0; level < 40; level += 1) {
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [below, { ...below, annotations: { n: "2" } }],
    });
    below = { mediaType: INDEX, digest: await putManifest(at, `level-${level}`, text), size: text.length };
  }
  for (const words of [
    ["pull", "-q", `${registry.address}/deep/app:level-39`],
    [
      "copy",
      "-q",
      "--all",
      `docker://${registry.address}/deep/app:level-39`,
      `oci:${join(folder, "deep")}:x`,
    ],
  ])
    await fails(...words);
  // As deep as is allowed, it is one copy of each.
  const flat = [
    "copy",
    "-q",
    "--all",
    `docker://${registry.address}/deep/app:level-5`,
    `oci:${join(folder, "flat")}:x`,
  ];
  expect(await teu(...flat)).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(join(folder, "flat/blobs/sha256"))).toHaveLength(8);
});

test("25: a cache keeps nothing that its upstream got wrong, and no upstream's name for another's", async () => {
  let isLying = true;
  const right = "the right bytes";
  const blob = { mediaType: "application/x", digest: digestOf(right), size: right.length };
  const document = { schemaVersion: 2, mediaType: MANIFEST, config: blob, layers: [] };
  using upstream = double((request) => {
    if (request.url.includes("/manifests/")) {
      const answer = typed(MANIFEST, document);
      answer.headers.set("docker-content-digest", digestOf(JSON.stringify(document)));
      return answer;
    }
    return new Response(isLying ? right.replace("right", "wrong") : right);
  });
  using other = double(() => new Response(null, { status: 404 }));
  const config = join(folder, "cache.yaml");
  const lines = [upstream, other].map(
    ({ address }, number) => `  - { prefix: up${number}, registry: "${address}" }\n`,
  );
  writeFileSync(config, `root: ${join(folder, "cache")}\nlisten: 127.0.0.1:0\nupstreams:\n${lines.join("")}`);
  await using cache = await serveRegistry("--config", config);
  const at = (number: number, path: string) => `http://${cache.address}/v2/up${number}/a/${path}`;
  expect((await fetch(at(0, "manifests/1"))).status).toBe(200);
  const wrong = await fetch(at(0, `blobs/${blob.digest}`)).then(
    (answer) => answer.text(),
    () => "broken off",
  );
  expect(wrong).not.toBe(right);
  expect((await fetch(at(1, "manifests/1"))).status).toBe(404);
  expect((await fetch(at(1, `blobs/${blob.digest}`))).status).toBe(404);
  isLying = false;
  expect(await (await fetch(at(0, `blobs/${blob.digest}`))).text()).toBe(right);
  expect(await teu("registry", "check", "--config", config)).toMatchObject({
    stdout: "Everything is right\n",
  });
});

test("29: a signature of one image is none of another that it is put beside", async () => {
  const other = `${registry.address}/good/app:2`;
  const [signed, wanted] = [await pushRaw(good, []), await pushRaw(other, [], { Labels: { other: "yes" } })];
  mkdirSync(join(folder, "keys"));
  const prefix = join(folder, "keys/teu");
  expect((await teu("generate-key-pair", "--output-key-prefix", prefix)).status).toBe(0);
  expect((await teu("sign", "--key", `${prefix}.key`, good)).status).toBe(0);
  const at = `http://${registry.address}/v2/good/app`;
  const tagOf = (digest: string): string => `${digest.replace(":", "-")}.sig`;
  const signature = await (await fetch(`${at}/manifests/${tagOf(signed)}`)).text();
  await putManifest(at, tagOf(wanted), signature);
  expect((await teu("verify", "--key", `${prefix}.pub`, good)).status).toBe(0);
  await fails("verify", "--key", `${prefix}.pub`, other);
});
