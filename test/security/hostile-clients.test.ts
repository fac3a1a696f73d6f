/**
 * Clients that want of a registry what is not theirs, or more than it has: requests to the built program, with accounts and rights by its
 * configuration, and its folder looked at afterwards. The numbers are those of the classes in docs/reference/attacks.md.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { type RegistryProcess, serveRegistry } from "../integration/support/registry.ts";
import { teu } from "../integration/teu.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const folder = mkdtempSync(join(tmpdir(), "teu-clients-"));
const configPath = join(folder, "config.yaml");
const root = join(folder, "root");
const issuer = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
  "sign",
  "verify",
]);
let registry: RegistryProcess;

beforeAll(async () => {
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  writeFileSync(join(folder, "htpasswd"), `alice:${hash}\nbob:${hash}\nreader:${hash}\n`);
  const jwk = await crypto.subtle.exportKey("jwk", issuer.publicKey);
  writeFileSync(
    join(folder, "keys.json"),
    JSON.stringify({ keys: [{ ...jwk, kid: "1", alg: "ES256", use: "sig" }] }),
  );
  writeFileSync(
    configPath,
    `root: ${root}
listen: 127.0.0.1:0
htpasswd: ${join(folder, "htpasswd")}
trustedIssuer: { issuer: them, audience: us, realm: "https://them.example/token", keySet: ${join(folder, "keys.json")} }
quotas: [{ prefix: small, bytes: 100000 }]
immutableTags: [{ repositories: ["fixed/**"], tags: ["**"] }]
access:
  - { repositories: ["alice/**", "small/**", "fixed/**", "shared"], identities: ["user:alice"], rights: [read, create, update, delete] }
  - { repositories: ["bob/**"], identities: ["user:bob"], rights: [read, create, update, delete] }
  - { repositories: ["shared"], identities: ["user:reader"], rights: [read] }
`,
  );
  registry = await serveRegistry("--config", configPath);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Body = string | Uint8Array<ArrayBuffer>;
async function call(
  who: string,
  method: string,
  path: string,
  body?: Body,
  type = MANIFEST,
): Promise<Response> {
  const headers = { "content-type": type, authorization: `Basic ${btoa(`${who}:secret`)}` };
  const url = path.startsWith("/") ? path : `/v2/${path}`;
  return await fetch(`http://${registry.address}${url}`, {
    method,
    headers,
    ...(body !== undefined && { body }),
  });
}
const put = async (who: string, repository: string, body: Body) =>
  (await call(who, "POST", `${repository}/blobs/uploads/?digest=${digestOf(body)}`, body)).status;
const manifestOf = (text: string, note = ""): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: "application/x", digest: digestOf(text), size: text.length },
    layers: [],
    annotations: { note },
  });
const image = async (who: string, repository: string, tag: string, text: string) => [
  await put(who, repository, text),
  (await call(who, "PUT", `${repository}/manifests/${tag}`, manifestOf(text))).status,
];

describe("12: digests that are none", () => {
  test.each([
    "sha256:../../../../config.yaml",
    "sha256:..%2f..%2f..%2f..%2fconfig.yaml",
    `sha256:${"A".repeat(64)}`,
    "sha256:ab",
    `sha512:${"a".repeat(64)}`,
    "../../../../config.yaml",
  ])("%s", async (digest) => {
    for (const [method, path] of [
      ["GET", `alice/x/blobs/${digest}`],
      ["DELETE", `alice/x/blobs/${digest}`],
      ["POST", `alice/x/blobs/uploads/?digest=${digest}`],
      ["PUT", `alice/x/manifests/${digest}`],
    ] as const) {
      const { status } = await call(
        "alice",
        method,
        path,
        method === "GET" || method === "DELETE" ? undefined : "x",
      );
      expect([400, 404]).toContain(status);
    }
    expect(existsSync(configPath)).toBe(true);
  });
  test("bytes that hash to something else, or are more than was said", async () => {
    expect((await call("alice", "POST", `alice/x/blobs/uploads/?digest=${digestOf("x")}`, "y")).status).toBe(
      400,
    );
    expect((await call("alice", "PUT", `alice/x/manifests/${digestOf("x")}`, manifestOf("y"))).status).toBe(
      400,
    );
  });
});

test("13: what says that it is both a manifest and an index", async () => {
  expect(await put("alice", "alice/x", "c")).toBe(201);
  const both = JSON.stringify({ ...(JSON.parse(manifestOf("c")) as object), manifests: [] });
  expect((await call("alice", "PUT", "alice/x/manifests/both", both)).status).toBe(400);
  const index = "application/vnd.oci.image.index.v1+json";
  expect((await call("alice", "PUT", "alice/x/manifests/other", manifestOf("c"), index)).status).toBe(400);
});

test("14: a manifest of 5 MiB, a page of 2^31 tags", async () => {
  const large = manifestOf("c", "x".repeat(5 << 20));
  expect((await call("alice", "PUT", "alice/x/manifests/large", large)).status).toBe(413);
  await image("alice", "alice/x", "1", "c");
  const { status } = await call("alice", "GET", "alice/x/tags/list?n=2147483648");
  expect([200, 400]).toContain(status);
  expect((await call("alice", "GET", "_catalog?n=99999999999999999999")).status).not.toBe(500);
});

test("19: a blob of somebody else's is not mounted, and is not told from none (CVE-2024-39897)", async () => {
  expect(await put("alice", "alice/x", "private")).toBe(201);
  const answers = [];
  for (const digest of [digestOf("private"), digestOf("nothing of the kind")])
    for (const query of [`mount=${digest}&from=alice/x`, `mount=${digest}`]) {
      const { status } = await call("bob", "POST", `bob/y/blobs/uploads/?${query}`);
      answers.push(status, (await call("bob", "HEAD", `bob/y/blobs/${digest}`)).status);
    }
  expect(answers).toEqual([202, 404, 202, 404, 202, 404, 202, 404]);
});

describe("20: rights", () => {
  test("of a reader end where others' begin, whatever the tag is called", async () => {
    await image("alice", "shared", "latest", "c");
    const digest = digestOf(manifestOf("c"));
    const more = `${digestOf(manifestOf("c", "2"))}?tag=latest&tag=new`;
    for (const [method, path, body] of [
      ["PUT", "shared/manifests/latest", manifestOf("c", "2")],
      ["PUT", `shared/manifests/${more}`, manifestOf("c", "2")],
      ["DELETE", "shared/manifests/latest"],
      ["DELETE", `shared/manifests/${digest}`],
      ["DELETE", `shared/blobs/${digestOf("c")}`],
      ["POST", "shared/blobs/uploads/"],
    ] as const)
      expect([path, (await call("reader", method, path, body)).status]).toEqual([path, 403]);
    expect(
      (await call("reader", "GET", "shared/manifests/latest")).headers.get("docker-content-digest"),
    ).toBe(digest);
    expect((await call("reader", "GET", "alice/x/tags/list")).status).toBe(403);
  });
  test("do not move a tag that is fixed, by none of the ways (CVE-2026-31801)", async () => {
    await image("alice", "fixed/x", "latest", "c");
    const next = manifestOf("c", "next");
    for (const path of ["latest", `${digestOf(next)}?tag=latest`])
      expect((await call("alice", "PUT", `fixed/x/manifests/${path}`, next)).status).toBeGreaterThanOrEqual(
        400,
      );
    const { headers } = await call("alice", "HEAD", "fixed/x/manifests/latest");
    expect(headers.get("docker-content-digest")).toBe(digestOf(manifestOf("c")));
  });
});

describe("21: tokens (CVE-2025-24976)", () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    iss: "them",
    aud: "us",
    sub: "x",
    exp: 4_000_000_000,
    access: [{ type: "repository", name: "shared", actions: ["pull"] }],
  };
  const sign = async (key: CryptoKey, header: object, payload: object = claims): Promise<string> => {
    const text = `${part(header)}.${part(payload)}`;
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, Buffer.from(text));
    return `${text}.${Buffer.from(signature).toString("base64url")}`;
  };
  const status = async (token: string): Promise<number> =>
    (
      await fetch(`http://${registry.address}/v2/shared/tags/list`, {
        headers: { authorization: `Bearer ${token}` },
      })
    ).status;

  test("by a key that they bring along, by none, of another issuer, for another audience, too old", async () => {
    const header = { alg: "ES256", typ: "JWT", kid: "1" };
    await image("alice", "shared", "1", "c");
    expect(await status(await sign(issuer.privateKey, header))).toBe(200);
    const own = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", own.publicKey);
    const good = await sign(issuer.privateKey, header);
    for (const token of [
      await sign(own.privateKey, { ...header, jwk }),
      await sign(own.privateKey, { ...header, x5c: ["MIIB"] }),
      await sign(own.privateKey, header),
      `${part({ alg: "none" })}.${part(claims)}.`,
      await sign(issuer.privateKey, header, { ...claims, iss: "others" }),
      await sign(issuer.privateKey, header, { ...claims, aud: "others" }),
      await sign(issuer.privateKey, header, { ...claims, exp: 1 }),
      await sign(issuer.privateKey, header, { ...claims, nbf: 3_999_999_999 }),
      good.slice(0, -4),
    ])
      expect(await status(token)).toBe(401);
  });
});

test("24: while some push, mount and delete and the collector runs, nothing that is referred to goes", async () => {
  const end = performance.now() + 1_500;
  let pushes = 0;
  const pushing = Array.from({ length: 4 }, async (_, worker) => {
    for (let round = 0; performance.now() < end; round += 1) {
      const text = `shared by all ${round % 3}`;
      const [blob, manifest] = await image("alice", `alice/race-${worker}`, "1", text);
      expect([blob, manifest]).toEqual([201, 201]);
      pushes += 1;
      if (round % 2 === 1)
        await call("alice", "DELETE", `alice/race-${worker}/manifests/${digestOf(manifestOf(text))}`);
    }
  });
  const collecting = (async () => {
    while (performance.now() < end)
      expect((await teu(["registry", "gc", "--config", configPath])).status).toBe(0);
  })();
  await Promise.all([...pushing, collecting]);
  expect(pushes).toBeGreaterThan(10);
  expect((await teu(["registry", "check", "--config", configPath])).stdout).toBe("Everything is right\n");
});

describe("26: upload sessions", () => {
  test("are whose they are, in the repository that they were begun in", async () => {
    const location = (await call("alice", "POST", "alice/x/blobs/uploads/")).headers.get("location") ?? "";
    for (const [who, path] of [
      ["bob", location],
      ["bob", location.replace("/alice/x/", "/bob/x/")],
      ["alice", location.replace("/alice/x/", "/alice/y/")],
    ] as const)
      for (const method of ["GET", "PATCH", "DELETE"])
        expect([403, 404]).toContain(
          (await call(who, method, path, method === "PATCH" ? "x" : undefined)).status,
        );
    expect(location).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
    expect((await call("alice", "GET", location)).status).toBe(204);
  });
  test("have one writer at a time, and what came is what one of them sent", async () => {
    const location = (await call("alice", "POST", "alice/x/blobs/uploads/")).headers.get("location") ?? "";
    const bodies = ["a", "b"].map((letter) => letter.repeat(1 << 20));
    const answers = await Promise.all(
      bodies.map(async (body) => ({ body, answer: await call("alice", "PATCH", location, body) })),
    );
    // Who came while the other wrote was refused; who came after it has the longer range.
    const end = ({ headers }: Response): number => Number(headers.get("range")?.split("-")[1]);
    const written = answers
      .filter(({ answer }) => answer.status === 202)
      .sort((one, other) => end(one.answer) - end(other.answer));
    expect(
      answers.map(({ answer }) => answer.status).filter((status) => status !== 202 && status !== 409),
    ).toEqual([]);
    const digest = digestOf(written.map(({ body }) => body).join(""));
    expect(written.length).toBeGreaterThan(0);
    expect((await call("alice", "PUT", `${location}?digest=${digest}`)).status).toBe(201);
  });
  test("do not fill more than the quota", async () => {
    const location = (await call("alice", "POST", "small/x/blobs/uploads/")).headers.get("location") ?? "";
    const statuses = [];
    for (let round = 0; round < 4; round += 1)
      statuses.push((await call("alice", "PATCH", location, new Uint8Array(40_000))).status);
    expect(statuses.slice(0, 2)).toEqual([202, 202]);
    expect(statuses.at(-1)).toBeGreaterThanOrEqual(400);
  });
  test("by the thousand cost little", async () => {
    for (let round = 0; round < 20; round += 1)
      await Promise.all(Array.from({ length: 50 }, () => call("alice", "POST", "alice/many/blobs/uploads/")));
    const status = readFileSync(`/proc/${registry.pid}/status`, "utf8");
    expect(Number(/VmRSS:\s*(\d+)/.exec(status)?.[1])).toBeLessThan(200 << 10);
    expect(readdirSync(join("/proc", `${registry.pid}`, "fd")).length).toBeLessThan(100);
    expect((await call("alice", "GET", "/v2/")).status).toBe(200);
  });
});

test("27: what clients call things speaks to no terminal of whoever looks", async () => {
  const evil = "a\u001b]0;title\u0007b\r\nc";
  await put("alice", "alice/x", "c");
  const answer = await call("alice", "PUT", `alice/x/manifests/${encodeURIComponent(evil)}`, manifestOf("c"));
  expect([400, 404]).toContain(answer.status);
  expect((await call("alice", "PUT", "alice/x/manifests/esc", manifestOf("c", evil))).status).toBe(201);
  const name = `${registry.address}/alice/x`;
  const creds = ["--creds", "alice:secret"];
  for (const words of [
    ["ls", ...creds, name],
    ["catalog", ...creds, registry.address],
    ["manifest", "head", ...creds, `${name}:${evil}`],
  ]) {
    const { stdout, stderr } = await teu(words);
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  }
});
