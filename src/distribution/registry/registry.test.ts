import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyOf } from "../../../test/kits/scripted-registry.ts";
import { Ingest, StorageFull } from "../../content/index.ts";
import { digestOf } from "../../spec/index.ts";
import { type OpenRegistry, openRegistry } from "./registry.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
const ZEROS = `sha256:${"0".repeat(64)}`;

const root = mkdtempSync(join(tmpdir(), "teu-registry-"));
const faults: unknown[] = [];
let registry: OpenRegistry;
beforeAll(() => {
  registry = openRegistry({
    root,
    uploads: { idleMs: 1000, maxSessions: 40 },
    onError: (error) => faults.push(error),
  });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
  // No test here makes the registry fail by itself.
  expect(faults).toEqual([]);
});

type Body = string | Uint8Array | ReadableStream<Uint8Array>;

async function call(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Body,
): Promise<Response> {
  const init: RequestInit & { duplex?: "half" } = { method, headers, duplex: "half" };
  if (body !== undefined) init.body = body;
  return await registry.handle(new Request(`http://registry${path}`, init));
}

async function codeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { errors?: { code?: string }[] };
  return `${response.status} ${body.errors?.[0]?.code}`;
}

async function begin(name: string): Promise<string> {
  const response = await call("POST", `/v2/${name}/blobs/uploads/`);
  expect(response.status).toBe(202);
  return response.headers.get("location") ?? "";
}

async function pushBlob(name: string, content: string): Promise<string> {
  const digest = digestOf(content);
  expect((await call("POST", `/v2/${name}/blobs/uploads/?digest=${digest}`, {}, content)).status).toBe(201);
  return digest;
}

const descriptor = (content: string, mediaType = "application/octet-stream") => ({
  mediaType,
  digest: digestOf(content),
  size: content.length,
});

/** An image of one layer, pushed but for its manifest. */
async function imageIn(name: string, fields: object = {}): Promise<string> {
  await pushBlob(name, "{}");
  await pushBlob(name, "layer");
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor("{}"),
    layers: [descriptor("layer")],
    ...fields,
  });
}

async function pushImage(name: string, target: string, fields: object = {}): Promise<string> {
  const manifest = await imageIn(name, fields);
  const response = await call(
    "PUT",
    `/v2/${name}/manifests/${target}`,
    { "content-type": MANIFEST },
    manifest,
  );
  expect(response.status).toBe(201);
  return response.headers.get("docker-content-digest") ?? "";
}

describe("end-1", () => {
  test.each(["/v2/", "/v2"])("GET %s says that this is a registry", async (path) => {
    const response = await call("GET", path);
    expect(response.status).toBe(200);
    expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  });
});

describe("paths", () => {
  test.each([
    ["GET", "/", "404 UNSUPPORTED"],
    ["GET", "/v1/x", "404 UNSUPPORTED"],
    ["GET", "/v2/a", "404 UNSUPPORTED"],
    ["GET", "/v2/UPPER/tags/list", "400 NAME_INVALID"],
    ["GET", "/v2//manifests/a", "400 NAME_INVALID"],
    ["GET", "/v2/manifests/a", "400 NAME_INVALID"],
    ["GET", "/v2/%2e%2e%2fx/manifests/a", "400 NAME_INVALID"],
    ["GET", "/v2/%zz/manifests/a", "400 NAME_INVALID"],
    ["GET", "/v2/a/_tags/manifests/b", "400 NAME_INVALID"],
    ["GET", `/v2/${"a".repeat(256)}/tags/list`, "400 NAME_INVALID"],
    ["GET", "/v2/nobody/tags/list", "404 NAME_UNKNOWN"],
    ["GET", "/v2/nobody/manifests/a", "404 NAME_UNKNOWN"],
    ["GET", "/v2/nobody/manifests/.not-a-tag", "404 MANIFEST_UNKNOWN"],
    ["PUT", "/v2/nobody/manifests/.not-a-tag", "400 TAG_INVALID"],
    ["GET", "/v2/nobody/manifests/sha256:bad", "400 DIGEST_INVALID"],
    ["GET", "/v2/nobody/blobs/sha256:bad", "400 DIGEST_INVALID"],
    ["GET", "/v2/nobody/blobs/sha256:%2e%2e%2f%2e%2e%2fx", "400 DIGEST_INVALID"],
    ["GET", `/v2/nobody/blobs/${ZEROS}`, "404 BLOB_UNKNOWN"],
    ["GET", `/v2/nobody/blobs/what:${"x".repeat(900)}`, "404 BLOB_UNKNOWN"],
    ["GET", `/v2/nobody/manifests/what:${"x".repeat(900)}`, "404 NAME_UNKNOWN"],
    ["GET", "/v2/nobody/blobs/uploads/1", "404 BLOB_UPLOAD_UNKNOWN"],
    ["GET", "/v2/nobody/uploads/1", "404 UNSUPPORTED"],
    ["GET", "/v2/nobody/referrers/sha256:bad", "400 DIGEST_INVALID"],
    ["POST", "/v2/", "405 UNSUPPORTED"],
    ["PATCH", "/v2/a/manifests/b", "405 UNSUPPORTED"],
    ["GET", "/v2/a/blobs/uploads/", "405 UNSUPPORTED"],
    ["DELETE", "/v2/a/tags/list", "405 UNSUPPORTED"],
    ["DELETE", `/v2/a/blobs/${ZEROS}`, "404 BLOB_UNKNOWN"],
    ["DELETE", `/v2/a/manifests/${ZEROS}`, "404 NAME_UNKNOWN"],
    ["DELETE", "/v2/a/manifests/x", "404 NAME_UNKNOWN"],
  ])("%s %s is %s", async (method, path, want) => {
    expect(await codeOf(await call(method, path))).toBe(want);
  });

  test("a repository may be called as endpoints are", async () => {
    for (const name of ["a/blobs/uploads", "manifests/tags/list", "b/manifests", "referrers/blobs"]) {
      const digest = await pushImage(name, "1");
      expect((await call("GET", `/v2/${name}/manifests/1`)).headers.get("docker-content-digest")).toBe(
        digest,
      );
      expect(await (await call("GET", `/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ["1"] });
    }
  });

  test("a 405 says what is allowed", async () => {
    expect((await call("POST", "/v2/a/manifests/b")).headers.get("allow")).toBe("HEAD, GET, PUT, DELETE");
  });
});

test.each(["POST", "PUT", "PATCH", "DELETE"])("a web page may not %s", async (method) => {
  const response = await call(method, "/v2/a/blobs/uploads/", { origin: "http://evil.example" });
  expect(await codeOf(response)).toBe("403 DENIED");
});

test("a full disk is 507, and the upload is gone with its bytes", async () => {
  const location = await begin("full/disk");
  await call("PATCH", location, {}, "some");
  using write = spyOn(Ingest.prototype, "write").mockImplementation(() => {
    throw new StorageFull({ path: root, errno: "ENOSPC" });
  });
  expect(await codeOf(await call("PATCH", location, {}, "more"))).toBe("507 UNAVAILABLE");
  expect(write).toHaveBeenCalledTimes(1);
  expect(await codeOf(await call("GET", location))).toBe("404 BLOB_UPLOAD_UNKNOWN");
  expect(readdirSync(join(root, "content/ingest"))).toEqual([]);
  expect(faults.splice(0)).toHaveLength(1);
});

describe("pushing blobs", () => {
  test("end-4b: POST with the digest stores it at once", async () => {
    const digest = await pushBlob("push/at-once", "content");
    const response = await call("GET", `/v2/push/at-once/blobs/${digest}`);
    expect(await response.text()).toBe("content");
    expect(response.headers.get("docker-content-digest")).toBe(digest);
  });

  test("end-4a, end-6: POST, then PUT with everything", async () => {
    const location = await begin("push/put");
    const digest = digestOf("content");
    const response = await call("PUT", `${location}?digest=${encodeURIComponent(digest)}`, {}, "content");
    expect(response.status).toBe(201);
    expect(await (await call("GET", response.headers.get("location") ?? "")).text()).toBe("content");
    expect(await codeOf(await call("GET", location))).toBe("404 BLOB_UPLOAD_UNKNOWN");
  });

  test("end-5: chunks in order, the last in the PUT", async () => {
    const location = await begin("push/chunks");
    const first = await call("PATCH", location, { "content-range": "0-2", "content-length": "3" }, "con");
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-2"]);
    expect((await call("PATCH", location, { "content-range": "3-3" }, "t")).headers.get("range")).toBe("0-3");
    const digest = digestOf("content");
    const last = await call("PUT", `${location}?digest=${digest}`, { "content-range": "4-6" }, "ent");
    expect(last.status).toBe(201);
  });

  test("end-5: a chunk out of order is 416, and the session tells where it stands", async () => {
    const location = await begin("push/order");
    expect(await codeOf(await call("PATCH", location, { "content-range": "3-5" }, "abc"))).toBe(
      "416 RANGE_INVALID",
    );
    const status = await call("GET", location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-0"]);
    await call("PATCH", location, { "content-range": "0-2" }, "con");
    expect((await call("PATCH", location, { "content-range": "0-2" }, "con")).headers.get("range")).toBe(
      "0-2",
    );
    const final = `${location}?digest=${digestOf("content")}`;
    expect(await codeOf(await call("PUT", final, { "content-range": "5-8" }, "tent"))).toBe(
      "416 RANGE_INVALID",
    );
    expect((await call("PUT", final, { "content-range": "3-6" }, "tent")).status).toBe(201);
  });

  test("end-5: a stream without Content-Range, then another, is appended", async () => {
    const location = await begin("push/stream");
    await call("PATCH", location, {}, bodyOf(["co", "nt"]));
    expect((await call("PATCH", location, {}, bodyOf(["ent"]))).headers.get("range")).toBe("0-6");
    expect((await call("PUT", `${location}?digest=${digestOf("content")}`)).status).toBe(201);
  });

  test("end-13: what came before a connection broke is kept", async () => {
    const location = await begin("push/broken");
    expect((await call("PATCH", location, {}, bodyOf(["cont"], new Error("reset")))).status).toBe(400);
    expect((await call("GET", location)).headers.get("range")).toBe("0-3");
    await call("PATCH", location, { "content-range": "4-6" }, "ent");
    expect((await call("PUT", `${location}?digest=${digestOf("content")}`)).status).toBe(201);
  });

  test("end-14: a session can be cancelled, and leaves nothing behind", async () => {
    const location = await begin("push/cancel");
    await call("PATCH", location, {}, "con");
    expect((await call("DELETE", location)).status).toBe(204);
    expect(await codeOf(await call("GET", location))).toBe("404 BLOB_UPLOAD_UNKNOWN");
    expect(readdirSync(join(root, "content/ingest"))).toEqual([]);
  });

  test("sha512 is stored under its own name", async () => {
    const digest = digestOf("content", "sha512");
    const location = await begin("push/sha512");
    await call("PATCH", location, {}, "content");
    expect((await call("PUT", `${location}?digest=${digest}`)).status).toBe(201);
    expect(await (await call("GET", `/v2/push/sha512/blobs/${digest}`)).text()).toBe("content");
    expect((await call("POST", "/v2/push/sha512/blobs/uploads/?digest-algorithm=sha512")).status).toBe(202);
  });

  test("an empty blob is one too", async () => {
    const digest = await pushBlob("push/empty", "");
    const response = await call("GET", `/v2/push/empty/blobs/${digest}`);
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test.each([
    ["another digest", `?digest=${ZEROS}`, {}, "400 DIGEST_INVALID"],
    ["no digest", "?digest=sha256:short", {}, "400 DIGEST_INVALID"],
    ["an algorithm that cannot be checked", `?digest=blake3:${"0".repeat(64)}`, {}, "400 DIGEST_INVALID"],
  ])("%s is refused and stores nothing", async (_, query, headers, want) => {
    expect(
      await codeOf(await call("POST", `/v2/push/wrong/blobs/uploads/${query}`, headers, "content")),
    ).toBe(want);
    const location = await begin("push/wrong");
    expect(await codeOf(await call("PUT", `${location}${query}`, headers, "content"))).toBe(want);
    expect((await call("GET", `/v2/push/wrong/blobs/${ZEROS}`)).status).toBe(404);
  });

  test("a PUT without a digest is refused, and the session stays", async () => {
    const location = await begin("push/nameless");
    expect(await codeOf(await call("PUT", location, {}, "content"))).toBe("400 DIGEST_INVALID");
    expect((await call("GET", location)).status).toBe(204);
  });

  test.each([["bytes"], ["5-"], ["5-3"], ["-5"]])("Content-Range %s is 416", async (range) => {
    const location = await begin("push/range");
    expect(await codeOf(await call("PATCH", location, { "content-range": range }, "abc"))).toBe(
      "416 RANGE_INVALID",
    );
  });

  test("a length that is not the range's is refused", async () => {
    const location = await begin("push/length");
    const headers = { "content-range": "0-5", "content-length": "3" };
    expect(await codeOf(await call("PATCH", location, headers, "abc"))).toBe("400 SIZE_INVALID");
  });

  test("a session works only in its own repository", async () => {
    const location = await begin("push/mine");
    const stolen = location.replace("push/mine", "push/yours");
    for (const method of ["GET", "PATCH", "DELETE"])
      expect(await codeOf(await call(method, stolen))).toBe("404 BLOB_UPLOAD_UNKNOWN");
    expect(await codeOf(await call("PUT", `${stolen}?digest=${digestOf("")}`))).toBe(
      "404 BLOB_UPLOAD_UNKNOWN",
    );
  });

  test("a session has one writer at a time", async () => {
    const location = await begin("push/two");
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode("a"));
        await gate;
        controller.close();
      },
    });
    const first = call("PATCH", location, {}, slow);
    await Bun.sleep(1);
    expect(await codeOf(await call("PATCH", location, {}, "b"))).toBe("409 BLOB_UPLOAD_INVALID");
    go();
    expect((await first).headers.get("range")).toBe("0-0");
  });

  test("sessions are counted, and forgotten when nobody comes back", async () => {
    const limited = mkdtempSync(join(tmpdir(), "teu-registry-"));
    await using small = openRegistry({ root: limited, uploads: { idleMs: 1000, maxSessions: 2 } });
    const post = (): Promise<Response> =>
      small.handle(new Request("http://r/v2/a/blobs/uploads/", { method: "POST" }));
    expect([(await post()).status, (await post()).status]).toEqual([202, 202]);
    const third = await post();
    expect(third.headers.has("retry-after")).toBe(true);
    expect(await codeOf(third)).toBe("429 TOOMANYREQUESTS");
    rmSync(limited, { recursive: true });
  });
});

describe("mounting blobs", () => {
  test("end-11: what another repository holds becomes ours", async () => {
    const digest = await pushBlob("mount/from", "mounted");
    const response = await call("POST", `/v2/mount/to/blobs/uploads/?mount=${digest}&from=mount/from`);
    expect(response.status).toBe(201);
    expect(await (await call("GET", response.headers.get("location") ?? "")).text()).toBe("mounted");
  });

  test("end-11: without a source any repository's will do", async () => {
    const digest = await pushBlob("mount/from", "anonymous");
    expect((await call("POST", `/v2/mount/to/blobs/uploads/?mount=${digest}`)).status).toBe(201);
    await call("DELETE", `/v2/mount/from/blobs/${digest}`);
    await call("DELETE", `/v2/mount/to/blobs/${digest}`);
    expect((await call("POST", `/v2/mount/to/blobs/uploads/?mount=${digest}`)).status).toBe(202);
  });

  test.each([
    ["a blob that is nowhere", `mount=${ZEROS}&from=mount/from`],
    ["a blob of somebody else's", `mount=${digestOf("mounted")}&from=mount/nobody`],
    ["a blob that nobody has", `mount=${ZEROS}`],
    ["a source that is none", `mount=${digestOf("mounted")}&from=../../x`],
    ["a digest that is none", "mount=sha256:x&from=mount/from"],
  ])("%s opens a session", async (_, query) => {
    const response = await call("POST", `/v2/mount/not/blobs/uploads/?${query}`);
    expect(response.status).toBe(202);
    expect((await call("GET", response.headers.get("location") ?? "")).status).toBe(204);
  });
});

describe("pulling blobs", () => {
  const name = "pull/blob";
  const path = `/v2/${name}/blobs/${digestOf("0123456789")}`;
  beforeAll(async () => {
    await pushBlob(name, "0123456789");
  });

  test("HEAD has the headers and no body", async () => {
    const response = await call("HEAD", path);
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
      200,
      "10",
      "",
    ]);
  });

  test("the digest's colon may be escaped", async () => {
    expect((await call("GET", path.replace("sha256:", "sha256%3A"))).status).toBe(200);
  });

  test("a blob belongs to its repository", async () => {
    expect((await call("GET", path.replace(name, "pull/other"))).status).toBe(404);
  });

  test.each([
    ["bytes=0-0", 206, "0", "bytes 0-0/10"],
    ["bytes=3-", 206, "3456789", "bytes 3-9/10"],
    ["bytes=3-5", 206, "345", "bytes 3-5/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-99", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=0-1,3-4", 200, "0123456789", null],
    ["lines=0-1", 200, "0123456789", null],
    ["bytes=x-y", 200, "0123456789", null],
  ])("Range: %s is %d %s", async (range, status, text, contentRange) => {
    const response = await call("GET", path, { range });
    expect([response.status, await response.text(), response.headers.get("content-range")]).toEqual([
      status,
      text,
      contentRange,
    ]);
  });

  test.each(["bytes=10-", "bytes=5-3", "bytes=-0", "bytes=99999999999999999999-"])(
    "Range: %s is 416",
    async (range) => {
      const response = await call("GET", path, { range });
      expect(response.headers.get("content-range")).toBe("bytes */10");
      expect(await codeOf(response)).toBe("416 RANGE_INVALID");
    },
  );

  test("If-None-Match with its digest is 304, If-Range with another is the whole", async () => {
    const etag = `"${digestOf("0123456789")}"`;
    expect((await call("GET", path, { "if-none-match": etag })).status).toBe(304);
    expect((await call("GET", path, { range: "bytes=1-1", "if-range": etag })).status).toBe(206);
    expect((await call("GET", path, { range: "bytes=1-1", "if-range": '"x"' })).status).toBe(200);
  });

  test("deleted, it is gone here and stays elsewhere", async () => {
    const digest = await pushBlob("pull/a", "shared");
    await pushBlob("pull/b", "shared");
    expect((await call("DELETE", `/v2/pull/a/blobs/${digest}`)).status).toBe(202);
    expect((await call("HEAD", `/v2/pull/a/blobs/${digest}`)).status).toBe(404);
    expect((await call("HEAD", `/v2/pull/b/blobs/${digest}`)).status).toBe(200);
    expect(await codeOf(await call("DELETE", `/v2/pull/a/blobs/${digest}`))).toBe("404 BLOB_UNKNOWN");
  });
});

describe("manifests", () => {
  test("come back byte for byte, by tag and by digest", async () => {
    const name = "manifest/exact";
    const text = (await imageIn(name)).replace("{", '{ "unknown":  [1, 2],\n');
    const put = await call(
      "PUT",
      `/v2/${name}/manifests/1`,
      { "content-type": `${MANIFEST}; charset=utf-8` },
      text,
    );
    const digest = digestOf(text);
    expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, digest]);
    for (const path of [`/v2/${name}/manifests/1`, put.headers.get("location") ?? ""]) {
      const response = await call("GET", path);
      expect(await response.text()).toBe(text);
      expect(response.headers.get("content-type")).toBe(MANIFEST);
      expect(response.headers.get("docker-content-digest")).toBe(digest);
      const head = await call("HEAD", path);
      expect([head.headers.get("content-length"), await head.text()]).toEqual([String(text.length), ""]);
    }
  });

  test.each([
    [
      "an index whose children are not here",
      INDEX,
      { mediaType: INDEX, manifests: [descriptor("x", MANIFEST)] },
    ],
    ["an empty index", INDEX, { mediaType: INDEX, manifests: [] }],
    ["docker's list", DOCKER_LIST, { mediaType: DOCKER_LIST, manifests: [] }],
    [
      "docker's manifest",
      DOCKER_MANIFEST,
      { mediaType: DOCKER_MANIFEST, config: descriptor("{}"), layers: [] },
    ],
    ["a manifest without mediaType", MANIFEST, { config: descriptor("{}"), layers: [] }],
    [
      "an unknown subject",
      MANIFEST,
      { config: descriptor("{}"), layers: [], subject: descriptor("x", MANIFEST) },
    ],
    [
      "a layer that is fetched elsewhere",
      MANIFEST,
      {
        config: descriptor("{}"),
        layers: [descriptor("x", "application/vnd.oci.image.layer.nondistributable.v1.tar")],
      },
    ],
  ])("%s is taken", async (_, type, fields) => {
    await pushBlob("manifest/taken", "{}");
    const text = JSON.stringify({ schemaVersion: 2, ...fields });
    const response = await call("PUT", "/v2/manifest/taken/manifests/1", { "content-type": type }, text);
    expect(response.status).toBe(201);
    expect((await call("GET", "/v2/manifest/taken/manifests/1")).headers.get("content-type")).toBe(type);
  });

  const image = { schemaVersion: 2, config: descriptor("{}"), layers: [] };
  test.each([
    ["no JSON", MANIFEST, "{", "400 MANIFEST_INVALID"],
    ["an array", MANIFEST, "[]", "400 MANIFEST_INVALID"],
    ["another type than its own", MANIFEST, { ...image, mediaType: INDEX }, "400 MANIFEST_INVALID"],
    [
      "an index that is also a manifest (CVE-2021-41190)",
      INDEX,
      { ...image, manifests: [] },
      "400 MANIFEST_INVALID",
    ],
    ["a manifest that is also an index", MANIFEST, { ...image, manifests: [] }, "400 MANIFEST_INVALID"],
    ["a type that is no manifest", "text/html", image, "400 MANIFEST_INVALID"],
    [
      "a layer that is not here",
      MANIFEST,
      { ...image, layers: [descriptor("absent")] },
      "400 MANIFEST_BLOB_UNKNOWN",
    ],
    [
      "a digest that leads away",
      MANIFEST,
      { ...image, layers: [{ ...descriptor("x"), digest: "sha256:../../x" }] },
      "400 MANIFEST_INVALID",
    ],
    ["more than 4 MiB", MANIFEST, `${JSON.stringify(image)}${" ".repeat(4 << 20)}`, "413 SIZE_INVALID"],
  ])("%s is refused", async (_, type, document, want) => {
    await pushBlob("manifest/refused", "{}");
    const text = typeof document === "string" ? document : JSON.stringify(document);
    const put = await call("PUT", "/v2/manifest/refused/manifests/1", { "content-type": type }, text);
    expect(await codeOf(put)).toBe(want);
    const streamed = await call(
      "PUT",
      "/v2/manifest/refused/manifests/1",
      { "content-type": type },
      bodyOf([text]),
    );
    expect(await codeOf(streamed)).toBe(want);
    expect((await call("GET", "/v2/manifest/refused/manifests/1")).status).toBe(404);
  });

  test("almost 4 MiB are taken", async () => {
    await pushBlob("manifest/large", "{}");
    const annotations = Object.fromEntries(
      Array.from({ length: 390 }, (_, index) => [`k${index}`, "x".repeat(10_000)]),
    );
    const text = JSON.stringify({ ...image, annotations });
    const put = await call("PUT", "/v2/manifest/large/manifests/1", { "content-type": MANIFEST }, text);
    expect(put.status).toBe(201);
  });

  test("a digest that is not the content's is refused", async () => {
    const text = await imageIn("manifest/wrong");
    const put = await call(
      "PUT",
      `/v2/manifest/wrong/manifests/${ZEROS}`,
      { "content-type": MANIFEST },
      text,
    );
    expect(await codeOf(put)).toBe("400 DIGEST_INVALID");
  });

  test("end-7b: pushed by digest with tags, all of them name it", async () => {
    const text = await imageIn("manifest/tags");
    const digest = digestOf(text, "sha512");
    const path = `/v2/manifest/tags/manifests/${digest}`;
    const put = await call("PUT", `${path}?tag=a&tag=b`, { "content-type": MANIFEST }, text);
    expect([put.status, put.headers.get("oci-tag")]).toEqual([201, "a, b"]);
    expect((await call("GET", "/v2/manifest/tags/manifests/b")).headers.get("docker-content-digest")).toBe(
      digest,
    );
    const many = Array.from({ length: 50 }, (_, index) => `tag=t${index}`).join("&");
    expect((await call("PUT", `${path}?${many}`, { "content-type": MANIFEST }, text)).status).toBe(414);
    const bad = await call("PUT", `${path}?tag=..%2fx`, { "content-type": MANIFEST }, text);
    expect(await codeOf(bad)).toBe("400 TAG_INVALID");
  });

  test("deleting a tag leaves the manifest; deleting the manifest takes all its tags", async () => {
    const name = "manifest/delete";
    const other = await pushImage(name, "other", { annotations: { a: "b" } });
    const digest = await pushImage(name, "1");
    await pushImage(name, "2");
    await pushImage(name, "3");
    expect((await call("DELETE", `/v2/${name}/manifests/1`)).status).toBe(202);
    expect((await call("GET", `/v2/${name}/manifests/1`)).status).toBe(404);
    expect((await call("GET", `/v2/${name}/manifests/${digest}`)).status).toBe(200);
    expect((await call("DELETE", `/v2/${name}/manifests/${digest}`)).status).toBe(202);
    for (const target of ["2", "3", digest])
      expect(await codeOf(await call("GET", `/v2/${name}/manifests/${target}`))).toBe("404 MANIFEST_UNKNOWN");
    expect(await (await call("GET", `/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ["other"] });
    expect((await call("GET", `/v2/${name}/manifests/other`)).headers.get("docker-content-digest")).toBe(
      other,
    );
  });

  test("a moved tag leaves what it named", async () => {
    const first = await pushImage("manifest/move", "1");
    const second = await pushImage("manifest/move", "1", { annotations: { moved: "yes" } });
    expect((await call("GET", "/v2/manifest/move/manifests/1")).headers.get("docker-content-digest")).toBe(
      second,
    );
    expect((await call("GET", `/v2/manifest/move/manifests/${first}`)).status).toBe(200);
  });

  test("a put and a delete of the same manifest end in one of two states", async () => {
    const name = "manifest/race";
    const text = await imageIn(name);
    const digest = digestOf(text);
    for (let round = 0; round < 10; round += 1) {
      const put = () => call("PUT", `/v2/${name}/manifests/t${round}`, { "content-type": MANIFEST }, text);
      await put();
      await Promise.all([put(), call("DELETE", `/v2/${name}/manifests/${digest}`), put()]);
      const tag = (await call("GET", `/v2/${name}/manifests/t${round}`)).status;
      expect((await call("GET", `/v2/${name}/manifests/${digest}`)).status).toBe(tag);
    }
  });
});

describe("lists", () => {
  const name = "list/tags";
  const tags = ["1.10", "1.9", "Latest", "latest"];
  beforeAll(async () => {
    for (const tag of ["latest", "1.9", "Latest", "1.10"]) await pushImage(name, tag);
  });

  test.each([
    ["", tags, null],
    ["?n=2", ["1.10", "1.9"], `</v2/${name}/tags/list?n=2&last=1.9>; rel="next"`],
    ["?n=2&last=1.9", ["Latest", "latest"], null],
    ["?n=4", tags, null],
    ["?n=99", tags, null],
    ["?n=0", [], null],
    ["?last=1.9", ["Latest", "latest"], null],
    ["?last=a", ["latest"], null],
    ["?last=zzz", [], null],
    ["?n=1&last=Latest", ["latest"], null],
  ])("tags/list%s", async (query, want, link) => {
    const response = await call("GET", `/v2/${name}/tags/list${query}`);
    expect(await response.json()).toEqual({ name, tags: want });
    expect(response.headers.get("link")).toBe(link);
  });

  test.each(["-1", "x", "1.5", ""])("n=%s is refused", async (n) => {
    const response = await call("GET", `/v2/${name}/tags/list?n=${n}`);
    expect(await codeOf(response)).toBe("400 PAGINATION_NUMBER_INVALID");
  });

  test("a repository without tags has an empty list, not null", async () => {
    await pushBlob("list/empty", "x");
    expect(await (await call("GET", "/v2/list/empty/tags/list")).json()).toEqual({
      name: "list/empty",
      tags: [],
    });
  });

  test("_catalog has every repository that holds manifests, in pages", async () => {
    const whole = (await (await call("GET", "/v2/_catalog")).json()) as { repositories: string[] };
    expect(whole.repositories).toContain(name);
    expect(whole.repositories).not.toContain("list/empty");
    expect(whole.repositories).toEqual(whole.repositories.toSorted());
    const page = await call("GET", "/v2/_catalog?n=1");
    expect(await page.json()).toEqual({ repositories: whole.repositories.slice(0, 1) });
    expect(page.headers.get("link")).toContain("/v2/_catalog?n=1&last=");
  });
});

describe("referrers", () => {
  const name = "referrers/one";
  const subject = descriptor("subject", MANIFEST);
  const list = async (query = "", digest = subject.digest): Promise<Response> =>
    await call("GET", `/v2/${name}/referrers/${digest}${query}`);

  test("nobody has none, in a repository that is none", async () => {
    const response = await call("GET", `/v2/referrers/nobody/referrers/${ZEROS}`);
    expect(response.headers.get("content-type")).toBe(INDEX);
    expect(await response.json()).toEqual({ schemaVersion: 2, mediaType: INDEX, manifests: [] });
  });

  test("are listed with type and annotations, filtered, and gone when deleted", async () => {
    const text = await imageIn(name, { subject, artifactType: "application/a", annotations: { k: "v" } });
    const put = await call(
      "PUT",
      `/v2/${name}/manifests/${digestOf(text)}`,
      { "content-type": MANIFEST },
      text,
    );
    expect(put.headers.get("oci-subject")).toBe(subject.digest);
    await pushImage(name, "by-config", { subject });
    const { manifests } = (await (await list()).json()) as { manifests: Record<string, unknown>[] };
    expect(manifests).toHaveLength(2);
    expect(manifests).toContainEqual({
      mediaType: MANIFEST,
      digest: digestOf(text),
      size: text.length,
      artifactType: "application/a",
      annotations: { k: "v" },
    });
    expect(manifests.map(({ artifactType }) => artifactType)).toContain("application/octet-stream");
    const filtered = await list("?artifactType=application/a");
    expect(filtered.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(((await filtered.json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
    await call("DELETE", `/v2/${name}/manifests/${digestOf(text)}`);
    expect(((await (await list()).json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
  });

  test("come in pages when they are many", async () => {
    const about = descriptor("popular", MANIFEST);
    const annotations = { filling: "x".repeat(1_500_000) };
    for (const n of ["1", "2", "3"])
      await pushImage(name, `p${n}`, { subject: about, annotations: { ...annotations, n } });
    const digests: string[] = [];
    let next: string | undefined = `/v2/${name}/referrers/${about.digest}`;
    let pages = 0;
    for (; next !== undefined; pages += 1) {
      const response = await call("GET", next);
      const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
      digests.push(...manifests.map(({ digest }) => digest));
      next = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    }
    expect([pages, new Set(digests).size]).toEqual([3, 3]);
  });
});

test("what was pushed is there after a restart, and an upload goes on where it was", async () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-registry-"));
  const first = registry;
  registry = openRegistry({ root: folder });
  const digest = await pushImage("restart/image", "1");
  const [half, empty] = [await begin("restart/image"), await begin("restart/image")];
  await call("PATCH", half, {}, "con");
  expect(() => openRegistry({ root: folder })).toThrow("another process has it open");
  await registry[Symbol.asyncDispose]();
  registry = openRegistry({ root: folder });
  expect((await call("GET", "/v2/restart/image/manifests/1")).headers.get("docker-content-digest")).toBe(
    digest,
  );
  expect((await call("GET", half)).headers.get("range")).toBe("0-2");
  expect((await call("PATCH", half, { "content-range": "3-6" }, "tent")).status).toBe(202);
  expect((await call("PUT", `${half}?digest=${digestOf("content", "sha512")}`)).status).toBe(201);
  expect((await call("DELETE", empty)).status).toBe(204);
  await registry[Symbol.asyncDispose]();
  registry = first;
  rmSync(folder, { recursive: true });
});
