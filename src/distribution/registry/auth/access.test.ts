/**
 * Verb × right × kind of reference: for each request the rights of which one is enough. Whoever has any other gets 403, whoever
 * says nothing gets 401, and nobody gets further by calling the tag `latest` (CVE-2026-31801) or several tags at once.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../../spec/index.ts";
import { type OpenRegistry, openRegistry } from "../registry.ts";
import { Htpasswd } from "./htpasswd.ts";
import { RIGHTS, type Right, Rules } from "./rules.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const ZEROS = `sha256:${"0".repeat(64)}`;
const root = mkdtempSync(join(tmpdir(), "teu-access-"));
let registry: OpenRegistry;
beforeAll(async () => {
  const path = join(root, "htpasswd");
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  writeFileSync(path, ["owner", ...RIGHTS, "nothing"].map((name) => `${name}:${hash}\n`).join(""));
  const rules = new Rules([
    { repositories: ["**"], identities: ["user:owner"], rights: RIGHTS },
    ...RIGHTS.map((right) => ({
      repositories: ["team/*"],
      identities: [`user:${right}`],
      rights: [right],
    })),
    { repositories: ["team/*"], identities: ["user:update", "user:delete"], rights: [] },
    { repositories: ["public/**"], identities: ["*"], rights: ["read"] },
  ]);
  registry = openRegistry({ root, means: { rules, htpasswd: await Htpasswd.open(path) } });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

async function call(as: string | undefined, method: string, path: string, body?: string): Promise<Response> {
  const headers = new Headers({ "content-type": MANIFEST });
  if (as !== undefined) headers.set("authorization", `Basic ${btoa(`${as}:secret`)}`);
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = body;
  return await registry.handle(new Request(`http://r${path}`, init));
}

async function pushImage(repository: string, tag: string): Promise<string> {
  await call("owner", "POST", `/v2/${repository}/blobs/uploads/?digest=${digestOf("{}")}`, "{}");
  const manifest = image("");
  const put = await call("owner", "PUT", `/v2/${repository}/manifests/${tag}`, manifest);
  expect(put.status).toBe(201);
  return digestOf(manifest);
}

function image(text: string): string {
  const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 };
  return JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [], annotations: { text } });
}

/** What is asked of `team/x`, which has the tags `old` and `latest`; the rights of which one is enough. */
const CASES: { method: string; path: string; body?: string; anyOf: readonly Right[] }[] = [
  { method: "GET", path: "tags/list", anyOf: ["read"] },
  { method: "GET", path: "manifests/old", anyOf: ["read"] },
  { method: "HEAD", path: "manifests/latest", anyOf: ["read"] },
  { method: "GET", path: `manifests/${ZEROS}`, anyOf: ["read"] },
  { method: "GET", path: `blobs/${digestOf("{}")}`, anyOf: ["read"] },
  { method: "HEAD", path: `blobs/${ZEROS}`, anyOf: ["read"] },
  { method: "GET", path: `referrers/${ZEROS}`, anyOf: ["read"] },
  { method: "POST", path: "blobs/uploads/", anyOf: ["create", "update"] },
  { method: "POST", path: `blobs/uploads/?digest=${digestOf("x")}`, body: "x", anyOf: ["create", "update"] },
  { method: "GET", path: "blobs/uploads/none", anyOf: ["create", "update"] },
  { method: "PATCH", path: "blobs/uploads/none", body: "x", anyOf: ["create", "update"] },
  { method: "PUT", path: `blobs/uploads/none?digest=${ZEROS}`, body: "x", anyOf: ["create", "update"] },
  { method: "DELETE", path: "blobs/uploads/none", anyOf: ["create", "update"] },
  { method: "PUT", path: "manifests/latest", body: image("2"), anyOf: ["update"] },
  { method: "PUT", path: "manifests/old", body: image("2"), anyOf: ["update"] },
  { method: "PUT", path: `manifests/${digestOf(image("3"))}`, body: image("3"), anyOf: ["create", "update"] },
  { method: "PUT", path: `manifests/${digestOf(image("3"))}?tag=old`, body: image("3"), anyOf: ["update"] },
  { method: "PUT", path: `manifests/${digestOf(image("3"))}?tag=old&tag=new1`, body: image("3"), anyOf: [] },
  {
    method: "PUT",
    path: `manifests/${digestOf(image("3"))}?tag=new2&tag=latest`,
    body: image("3"),
    anyOf: [],
  },
  { method: "PUT", path: `manifests/${digestOf(image("3"))}?tag=new3`, body: image("3"), anyOf: ["create"] },
  { method: "PUT", path: "manifests/new4", body: image("4"), anyOf: ["create"] },
  { method: "DELETE", path: "manifests/none", anyOf: ["delete"] },
  { method: "DELETE", path: "manifests/old", anyOf: ["delete"] },
  { method: "DELETE", path: `manifests/${digestOf(image("3"))}`, anyOf: ["delete"] },
  { method: "DELETE", path: `blobs/${ZEROS}`, anyOf: ["delete"] },
];

describe("rights", () => {
  test.each(CASES)("$method $path needs any of $anyOf", async ({ method, path, body, anyOf }) => {
    for (const right of RIGHTS) {
      await pushImage("team/x", "latest");
      await pushImage("team/x", "old");
      for (const tag of ["new1", "new2", "new3", "new4"])
        await call("owner", "DELETE", `/v2/team/x/manifests/${tag}`);
      const response = await call(right, method, `/v2/team/x/${path}`, body);
      expect([right, response.status === 403]).toEqual([right, !anyOf.includes(right)]);
      expect(response.status).not.toBe(401);
    }
    expect((await call("nothing", method, `/v2/team/x/${path}`, body)).status).toBe(403);
    const nobody = await call(undefined, method, `/v2/team/x/${path}`, body);
    expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([
      401,
      'Basic realm="teu registry", charset="UTF-8"',
    ]);
  });

  // Which right a push needs was decided before its body came: who might only create held it back until somebody else had
  // pushed the tag, and moved that.
  test("are those that a tag needs when the body of the push has come", async () => {
    for (const [as, before, after] of [
      ["create", "DELETE", "PUT"],
      ["update", "PUT", "DELETE"],
    ] as const) {
      const path = "/v2/team/x/manifests/late";
      await pushImage("team/x", "other");
      await call("owner", before, path, before === "PUT" ? image("theirs") : undefined);
      const isRead = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            isRead.resolve();
            await gate.promise;
            controller.enqueue(Buffer.from(image("ours")));
            controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      const headers = { "content-type": MANIFEST, authorization: `Basic ${btoa(`${as}:secret`)}` };
      const push = registry.handle(new Request(`http://r${path}`, { method: "PUT", headers, body }));
      await isRead.promise;
      await call("owner", after, path, after === "PUT" ? image("theirs") : undefined);
      gate.resolve();
      expect([as, (await push).status]).toEqual([as, 403]);
      const now = await call("owner", "GET", path);
      expect([as, now.status]).toEqual([as, after === "PUT" ? 200 : 404]);
      if (after === "PUT") expect(await now.text()).toBe(image("theirs"));
    }
  });

  test("of another repository are none of this one, whatever its name begins with", async () => {
    for (const name of ["team", "team/x/y", "teamx/x", "other/team/x"])
      for (const right of RIGHTS)
        expect((await call(right, "GET", `/v2/${name}/tags/list`)).status).toBe(403);
  });

  test("a right to read does not tell what is there from what is not to whom has it not", async () => {
    await pushImage("secret/x", "1");
    const [there, not] = await Promise.all(
      ["secret/x", "secret/none"].map((name) => call("read", "GET", `/v2/${name}/manifests/1`)),
    );
    expect([there?.status, not?.status]).toEqual([403, 403]);
  });
});

describe("anybody", () => {
  test("reads what is public, and no more", async () => {
    await pushImage("public/x", "1");
    expect((await call(undefined, "GET", "/v2/public/x/manifests/1")).status).toBe(200);
    expect((await call(undefined, "DELETE", "/v2/public/x/manifests/1")).status).toBe(401);
    expect((await call("nothing", "GET", "/v2/public/x/manifests/1")).status).toBe(200);
  });

  test("is asked who he is at /v2/, where clients look", async () => {
    expect((await call(undefined, "GET", "/v2/")).status).toBe(401);
    expect((await call("nothing", "GET", "/v2/")).status).toBe(200);
  });

  test.each([
    ["Basic", btoa("owner:wrong")],
    ["Basic", btoa("nobody:secret")],
    ["Basic", btoa("no colon")],
    ["Bearer", "x.y.z"],
    ["Digest", "x"],
  ])("with %s %s is nobody, not anybody", async (scheme, value) => {
    const headers = { authorization: `${scheme} ${value}` };
    const request = new Request("http://r/v2/public/x/manifests/1", { headers });
    expect((await registry.handle(request)).status).toBe(401);
  });
});

test("_catalog has what the caller may read, in pages that are full", async () => {
  for (const name of ["public/a", "secret/a", "team/a", "team/b", "team/c"]) await pushImage(name, "1");
  const list = async (as: string, query = ""): Promise<string[]> =>
    ((await (await call(as, "GET", `/v2/_catalog${query}`)).json()) as { repositories: string[] })
      .repositories;
  const all = await list("read");
  expect(all).toContain("team/a");
  expect(all).toContain("public/a");
  expect(all.filter((name) => name.startsWith("secret"))).toEqual([]);
  expect(await list("read", "?n=2&last=public/x")).toEqual(["team/a", "team/b"]);
});

test("a search finds what the caller may read, in pages", async () => {
  for (const name of ["public/find", "secret/find", "team/find-1", "team/find-2"]) await pushImage(name, "1");
  const search = async (as: string, query: string): Promise<Response> =>
    await call(as, "GET", `/_teu/search?${query}`);
  const namesOf = async (response: Response): Promise<string[]> =>
    ((await response.json()) as { repositories: string[] }).repositories;
  expect(await namesOf(await search("read", "q=FIND"))).toEqual([
    "public/find",
    "team/find-1",
    "team/find-2",
  ]);
  const page = await search("read", "q=find&n=2");
  expect(await namesOf(page)).toEqual(["public/find", "team/find-1"]);
  const [, next = ""] = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "") ?? [];
  expect(await namesOf(await call("read", "GET", next))).toEqual(["team/find-2"]);
  expect(await namesOf(await search("read", "q=%25"))).toEqual([]);
  for (const query of ["", "q=", `q=${"x".repeat(256)}`])
    expect((await search("read", query)).status).toBe(400);
  expect((await call("read", "POST", "/_teu/search?q=a")).status).toBe(405);
});

test("a search as docker's finds what the caller may read, and asks who it is", async () => {
  const search = async (as: string | undefined, query: string): Promise<Response> =>
    await call(as, "GET", `/v1/search?${query}`);
  const namesOf = async (as: string, query: string): Promise<string[]> =>
    ((await (await search(as, query)).json()) as { results: { name: string }[] }).results.map(
      ({ name }) => name,
    );
  expect(await namesOf("read", "q=Find")).toEqual(["public/find", "team/find-1", "team/find-2"]);
  expect(await namesOf("read", "q=find&n=2")).toEqual(["public/find", "team/find-1"]);
  expect(await namesOf("read", "q=find&n=2&page=2")).toEqual(["team/find-2"]);
  expect(await namesOf("read", "q=find&n=2&page=999999")).toEqual([]);
  expect(await namesOf("owner", "q=secret")).toContain("secret/find");
  const nobody = await search(undefined, "q=find");
  expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([
    401,
    expect.stringMatching(/^Basic /),
  ]);
  for (const query of ["", "q=", "q=a&n=-1", "q=a&page=x"])
    expect((await search("read", query)).status).toBe(400);
  const ping = await call(undefined, "GET", "/v1/_ping");
  expect([ping.status, ping.headers.get("x-docker-registry-standalone")]).toEqual([200, "true"]);
});

test("a blob is mounted only from where the caller may read (CVE-2024-39897)", async () => {
  const digest = digestOf("private");
  await call("owner", "POST", `/v2/secret/x/blobs/uploads/?digest=${digest}`, "private");
  for (const query of [`mount=${digest}&from=secret/x`, `mount=${digest}`])
    expect((await call("create", "POST", `/v2/team/x/blobs/uploads/?${query}`)).status).toBe(202);
  expect((await call("read", "HEAD", `/v2/team/x/blobs/${digest}`)).status).toBe(404);
  expect((await call("owner", "POST", `/v2/team/y/blobs/uploads/?mount=${digest}`)).status).toBe(201);
});

test("an upload is its owner's", async () => {
  const location = (await call("create", "POST", "/v2/team/x/blobs/uploads/")).headers.get("location") ?? "";
  expect((await call("update", "PATCH", location, "x")).status).toBe(404);
  expect((await call("create", "PATCH", location, "x")).status).toBe(202);
});
