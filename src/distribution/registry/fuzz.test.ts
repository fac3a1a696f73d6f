/** Requests that nobody meant: whatever comes, the registry answers, and never with a failure of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseDistributionErrors } from "../../spec/index.ts";
import { type OpenRegistry, openRegistry } from "./registry.ts";

/** The registry's folder lies in `folder`, alone: what escapes would lie beside it. */
const folder = mkdtempSync(join(tmpdir(), "teu-fuzz-"));
const faults: unknown[] = [];
let registry: OpenRegistry;
beforeAll(() => {
  mkdirSync(join(folder, "root"));
  registry = openRegistry({ root: join(folder, "root"), onError: (error) => faults.push(error) });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const word = fc.constantFrom(
  ...[
    "a",
    "b",
    "blobs",
    "uploads",
    "manifests",
    "tags",
    "list",
    "referrers",
    "_catalog",
    "_tags",
    "",
    ".",
    "..",
    "%2e%2e",
  ],
  ...[
    "%2f",
    "%00",
    "%zz",
    "sha256:x",
    `sha256:${"0".repeat(64)}`,
    `x:${"y".repeat(300)}`,
    "A",
    "é",
    "latest",
    "a".repeat(300),
  ],
);
const path = fc.array(word, { maxLength: 7 }).map((words) => `/v2/${words.join("/")}`);
const query = fc.constantFrom(
  ...[
    "",
    "?n=1",
    "?n=-1",
    "?last=%ff",
    "?digest=x",
    `?digest=sha256:${"0".repeat(64)}`,
    "?mount=x&from=../../etc",
    "?tag=..%2fx",
    "?%",
  ],
);
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");
const headers = fc.record(
  {
    range: fc.constantFrom("bytes=0-", "bytes=9-1", "x"),
    "content-range": fc.constantFrom("0-1", "5-1", "99999999999999999999-1", "x"),
    "content-type": fc.constantFrom("application/vnd.oci.image.index.v1+json", "text/html", ";"),
  },
  { requiredKeys: [] },
);
const body = fc.constantFrom(
  "",
  "x",
  "{}",
  '{"schemaVersion":2,"manifests":[]}',
  '{"schemaVersion":2,"__proto__":1}',
);

test("the registry answers every request, and writes nothing outside of its folder", async () => {
  const request = fc.tuple(method, path, query, headers, body);
  const property = fc.asyncProperty(request, async ([method, path, query, headers, body]) => {
    const init: RequestInit = { method, headers: Object.fromEntries(Object.entries(headers)) };
    if (method !== "GET" && method !== "HEAD") init.body = body;
    const response = await registry.handle(new Request(`http://registry${path}${query}`, init));
    expect(response.status).toBeLessThan(500);
    if (response.status >= 400) expect(parseDistributionErrors(await response.text())).toHaveLength(1);
  });
  await fc.assert(property, { numRuns: 1500 });
  expect(faults).toEqual([]);
  expect(readdirSync(folder)).toEqual(["root"]);
  expect(readdirSync(join(folder, "root")).toSorted()).toEqual([
    "content",
    "control.sock",
    "lock",
    "registry.db",
    "registry.db-shm",
    "registry.db-wal",
  ]);
});
