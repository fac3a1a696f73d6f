/**
 * What the distribution specification asks of a registry and its own conformance suite does not look at: lists in pages,
 * conditions and ranges, requests at the same time, connections that break, restarts, hostile text. Speaks HTTP only, so
 * that it can be pointed at any registry; what one of them does otherwise is skipped by name, with the reason.
 */
import { describe, expect, test } from "bun:test";
import { digestOf, parseDistributionErrors } from "../../../src/spec/index.ts";
import { INDEX, MANIFEST, noise, Repository, type Subject, withQuery } from "./subject.ts";

/** Tests that a registry does not pass, and why. */
export interface Skip {
  readonly reason: string;
  readonly tests: readonly string[];
}

type Case = readonly [name: string, body: (repository: Repository) => Promise<void>];

const ZEROS = `sha256:${"0".repeat(64)}`;

const LISTS: Case[] = [
  [
    "tags come in pages of n, in order, each once, and the last page has no Link",
    async (repository) => {
      const names = ["a", "B", "_x", "v1.10", "v1.9", "z-", "0"];
      for (const name of names) await repository.pushImage(name, "same");
      const pages = await repository.pages<{ tags: string[] }>("tags/list?n=3");
      expect(pages.map(({ tags }) => tags.length)).toEqual([3, 3, 1]);
      const all = pages.flatMap(({ tags }) => tags);
      const byBytes = names.toSorted();
      const byLetters = names.toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
      expect([byBytes, byLetters]).toContainEqual(all);
    },
  ],
  [
    "last need not exist, and what it names is left out",
    async (repository) => {
      for (const name of ["a", "c", "e"]) await repository.pushImage(name, "same");
      const list = async (query: string): Promise<unknown> =>
        ((await (await repository.call("GET", `tags/list?${query}`)).json()) as { tags: unknown }).tags;
      expect(await list("last=b&n=1")).toEqual(["c"]);
      expect(await list("last=c&n=9")).toEqual(["e"]);
      expect(await list("last=e&n=9")).toEqual([]);
    },
  ],
  [
    "n=0 is an empty page without a Link",
    async (repository) => {
      await repository.pushImage("a");
      const response = await repository.call("GET", "tags/list?n=0");
      expect(response.status).toBe(200);
      expect(response.headers.get("link")).toBeNull();
      expect(await response.json()).toEqual({ name: repository.name, tags: [] });
    },
  ],
  [
    "n that is no number is refused, and one that is huge is served",
    async (repository) => {
      await repository.pushImage("a");
      for (const n of ["-1", "x"])
        expect((await repository.call("GET", `tags/list?n=${n}`)).status).toBe(400);
      const huge = await repository.call("GET", "tags/list?n=2147483648");
      expect([200, 400]).toContain(huge.status);
    },
  ],
  [
    "a repository whose tags are gone has an empty list, not null",
    async (repository) => {
      const digest = await repository.pushImage("a");
      expect((await repository.call("DELETE", `manifests/${digest}`)).status).toBe(202);
      expect(await (await repository.call("GET", "tags/list")).json()).toEqual({
        name: repository.name,
        tags: [],
      });
    },
  ],
  [
    "_catalog comes in pages and has what was pushed",
    async (repository) => {
      await repository.pushImage("a");
      const pages = await repository.pages<{ repositories: string[] }>("/v2/_catalog?n=2");
      const all = pages.flatMap(({ repositories }) => repositories);
      expect(all).toContain(repository.name);
      expect(new Set(all).size).toBe(all.length);
      expect(Math.max(...pages.map(({ repositories }) => repositories.length))).toBeLessThanOrEqual(2);
    },
  ],
  [
    "referrers are complete over their pages, none larger than a manifest may be, and the filter stays",
    async (repository) => {
      const digest = await repository.pushImage("subject");
      const subject = { mediaType: MANIFEST, digest, size: 1 };
      const wanted: string[] = [];
      for (let index = 0; index < 60; index += 1) {
        const artifactType = index % 3 === 0 ? "application/x-third" : "application/x-other";
        const annotations = { index: `${index}`, filling: "x".repeat(100_000) };
        const referrer = await repository.pushImage(`r${index}`, "", { subject, artifactType, annotations });
        if (index % 3 === 0) wanted.push(referrer);
      }
      type Page = { manifests: { digest: string; artifactType: string }[] };
      const all = await repository.pages<Page>(`referrers/${digest}`);
      expect(all.flatMap(({ manifests }) => manifests)).toHaveLength(60);
      for (const page of all) expect(JSON.stringify(page).length).toBeLessThan(4 << 20);
      const filtered = await repository.pages<Page>(`referrers/${digest}?artifactType=application/x-third`);
      const found = filtered.flatMap(({ manifests }) => manifests);
      expect(
        found
          .filter(({ artifactType }) => artifactType === "application/x-third")
          .map((one) => one.digest)
          .sort(),
      ).toEqual(wanted.sort());
    },
  ],
];

const PULLS: Case[] = [
  [
    "If-None-Match with the ETag that was given is 304, for a manifest and a blob",
    async (repository) => {
      await repository.pushImage("a");
      for (const path of ["manifests/a", `blobs/${await repository.pushBlob("content")}`]) {
        const etag = (await repository.call("GET", path)).headers.get("etag");
        if (etag === null) throw new Error(`${path} has no ETag`);
        const again = await repository.call("GET", path, { headers: { "if-none-match": etag } });
        expect([again.status, await again.text()]).toEqual([304, ""]);
      }
    },
  ],
  [
    "a range is the bytes that were asked for, or the whole",
    async (repository) => {
      const bytes = noise(3000);
      const path = `blobs/${await repository.pushBlob(bytes)}`;
      for (const [range, start, end] of [
        ["0-0", 0, 1],
        ["100-199", 100, 200],
        ["2990-", 2990, 3000],
        ["2990-9999", 2990, 3000],
        ["-10", 2990, 3000],
      ] as const) {
        const response = await repository.call("GET", path, { headers: { range: `bytes=${range}` } });
        const got = await response.bytes();
        if (response.status === 206) {
          expect(got).toEqual(bytes.slice(start, end));
          expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/3000`);
        } else expect([response.status, got]).toEqual([200, bytes]);
      }
      const beyond = await repository.call("GET", path, { headers: { range: "bytes=3000-" } });
      expect(beyond.status).toBe(416);
    },
  ],
  [
    "several ranges are answered rightly or whole",
    async (repository) => {
      const path = `blobs/${await repository.pushBlob("0123456789")}`;
      const response = await repository.call("GET", path, { headers: { range: "bytes=0-1,4-5" } });
      const text = await response.text();
      if (response.status === 206) {
        expect(response.headers.get("content-type")).toStartWith("multipart/byteranges");
        for (const [range, part] of [
          ["0-1", "01"],
          ["4-5", "45"],
        ] as const)
          expect(text).toMatch(new RegExp(`bytes ${range}/10\r\n(?:[^\r\n]+\r\n)*\r\n${part}\r\n`, "i"));
      } else expect([response.status, text]).toEqual([200, "0123456789"]);
    },
  ],
  [
    "HEAD says what GET says",
    async (repository) => {
      await repository.pushImage("a");
      for (const path of ["manifests/a", `blobs/${await repository.pushBlob("content")}`]) {
        const [get, head] = [await repository.call("GET", path), await repository.call("HEAD", path)];
        for (const name of ["content-type", "docker-content-digest", "etag"])
          expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
        const { length } = await get.text();
        expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([
          200,
          `${length}`,
          "",
        ]);
      }
    },
  ],
  [
    "a digest is served whatever Accept says",
    async (repository) => {
      const digest = await repository.pushImage("a");
      const response = await repository.call("GET", `manifests/${digest}`, {
        headers: { accept: "text/plain" },
      });
      expect([response.status, digestOf(await response.text())]).toEqual([200, digest as never]);
    },
  ],
];

const PUSHES: Case[] = [
  [
    "parameters of a Content-Type are ignored and not given back",
    async (repository) => {
      const manifest = await repository.image("a");
      expect((await repository.put("a", manifest, `${MANIFEST}; charset=utf-8`)).status).toBe(201);
      expect((await repository.call("GET", "manifests/a")).headers.get("content-type")).toBe(MANIFEST);
    },
  ],
  [
    "a manifest over the limit is refused with 413 and is not there",
    async (repository) => {
      const manifest = await repository.image("x".repeat(9 << 20));
      expect((await repository.put("big", manifest)).status).toBe(413);
      expect((await repository.call("HEAD", "manifests/big")).status).toBe(404);
    },
  ],
  [
    "bytes of another type than their Content-Type says are refused (CVE-2021-41190)",
    async (repository) => {
      expect((await repository.put("a", await repository.image("a"), INDEX)).status).toBe(400);
      const both = JSON.stringify({ ...JSON.parse(await repository.image("b")), manifests: [] });
      expect((await repository.put("b", both)).status).toBe(400);
    },
  ],
  [
    "an upload works in its own repository only",
    async (repository) => {
      const location = await repository.begin();
      const elsewhere = location.replace(repository.name, `${repository.name}-other`);
      for (const method of ["GET", "PATCH", "DELETE"])
        expect((await repository.call(method, elsewhere)).status).toBe(404);
    },
  ],
  [
    "a mount from a repository that has not got the blob opens an upload",
    async (repository) => {
      const mount = `blobs/uploads/?${new URLSearchParams({ mount: ZEROS, from: repository.name })}`;
      const response = await repository.call("POST", mount);
      expect(response.status).toBe(202);
      const put = withQuery(response.headers.get("location") ?? "", { digest: digestOf("x") });
      expect((await repository.call("PUT", put, { body: "x" })).status).toBe(201);
    },
  ],
  [
    "every refusal is JSON with a code",
    async (repository) => {
      const digest = await repository.pushImage("a");
      for (const [method, path, body] of [
        ["GET", "manifests/none"],
        ["GET", `manifests/${ZEROS}`],
        ["GET", `blobs/${ZEROS}`],
        ["GET", "blobs/uploads/00000000-0000-0000-0000-000000000000"],
        ["PUT", "manifests/a", "{"],
        ["PUT", `manifests/${ZEROS}`, "{}"],
        ["GET", "/v2/UPPER/manifests/a"],
        ["GET", `blobs/${digest.toUpperCase()}`],
      ] as const) {
        const response = await repository.call(method, path, body === undefined ? {} : { body });
        expect([path, response.status]).toEqual([
          path,
          response.status < 500 ? Math.max(response.status, 400) : 400,
        ]);
        expect([path, parseDistributionErrors(await response.text()).length]).toEqual([path, 1]);
      }
    },
  ],
  [
    "names and digests that lead elsewhere lead nowhere",
    async (repository) => {
      for (const path of [
        "/v2/..%2f..%2fetc/manifests/a",
        "/v2/%2e%2e/%2e%2e/manifests/a",
        `/v2/${repository.name}/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd`,
        `/v2/${repository.name}/manifests/..%2f..%2fx`,
        `/v2/${repository.name}/manifests/a%00b`,
        `/v2/${repository.name}/blobs/uploads/..%2f..%2fx`,
      ])
        for (const method of ["GET", "PUT", "DELETE"]) {
          const { status } = await repository.call(method, path, method === "PUT" ? { body: "x" } : {});
          // Some servers redirect to the path as they would have written it.
          expect([path, status >= 300 && status < 500]).toEqual([path, true]);
        }
    },
  ],
];

const TOGETHER: Case[] = [
  [
    "one blob pushed by many at once is there once for all",
    async (repository) => {
      const bytes = noise(1 << 20);
      const digests = await Promise.all(Array.from({ length: 8 }, () => repository.pushBlob(bytes)));
      expect(new Set(digests).size).toBe(1);
      expect(await (await repository.call("GET", `blobs/${digests[0]}`)).bytes()).toEqual(bytes);
    },
  ],
  [
    "a tag that many move at once names one of theirs, whole, at any moment",
    async (repository) => {
      const manifests = await Promise.all(
        Array.from({ length: 6 }, (_, index) => repository.image(`${index}`)),
      );
      const digests = manifests.map((text) => digestOf(text));
      await repository.put("moving", manifests[0] ?? "");
      let isDone = false;
      const reader = (async () => {
        while (!isDone) {
          const response = await repository.call("GET", "manifests/moving");
          const body = await response.text();
          expect(digests).toContain(digestOf(body));
          const said = response.headers.get("docker-content-digest");
          if (said !== null) expect<string>(said).toBe(digestOf(body));
        }
      })();
      const writers = manifests.map(async (text) => {
        for (let round = 0; round < 5; round += 1)
          expect((await repository.put("moving", text)).status).toBe(201);
      });
      const written = Promise.all(writers).finally(() => {
        isDone = true;
      });
      await Promise.all([written, reader]);
    },
  ],
  [
    "pushing and deleting the same image at once fails for nobody by the registry's fault",
    async (repository) => {
      const manifest = await repository.image("contended");
      const digest = digestOf(manifest);
      const statuses = new Set<number>();
      await Promise.all(
        Array.from({ length: 4 }, async (_, worker) => {
          for (let round = 0; round < 10; round += 1) {
            const calls =
              worker % 2 === 0
                ? [repository.put("t", manifest), repository.call("GET", "manifests/t")]
                : [repository.call("DELETE", `manifests/${digest}`), repository.call("GET", "tags/list")];
            for (const response of await Promise.all(calls)) statuses.add(response.status);
          }
        }),
      );
      expect([...statuses].filter((status) => status >= 500)).toEqual([]);
      expect((await repository.put("t", manifest)).status).toBe(201);
      expect(await (await repository.call("GET", "manifests/t")).text()).toBe(manifest);
    },
  ],
  [
    "two writers of one upload do not mix their bytes",
    async (repository) => {
      const location = await repository.begin();
      const parts = [noise(1 << 20), noise(1 << 20)];
      const answers = await Promise.all(parts.map((body) => repository.call("PATCH", location, { body })));
      const taken = parts.filter((_, index) => answers[index]?.status === 202);
      expect(taken.length).toBeGreaterThan(0);
      const latest = answers.findLast(({ status }) => status === 202)?.headers.get("location") ?? location;
      const orders = taken.length === 2 ? [taken, taken.toReversed()] : [taken];
      const statuses: number[] = [];
      // A wrong digest may end the session: of two orders only the first is sure to be asked about.
      for (const order of orders) {
        const digest = digestOf(Buffer.concat(order));
        const { status } = await repository.call("PUT", withQuery(latest, { digest }));
        statuses.push(status);
        if (status === 201)
          expect(digestOf(await (await repository.call("GET", `blobs/${digest}`)).bytes())).toBe(digest);
        else expect(status).toBeLessThan(500);
        if (status === 201) break;
      }
      if (taken.length === 1) expect(statuses).toEqual([201]);
    },
  ],
];

const BROKEN: Case[] = [
  [
    "a push that breaks off in the middle leaves no blob",
    async (repository) => {
      const location = new URL(
        withQuery(await repository.begin(), { digest: digestOf("whole content") }),
        "http://r",
      );
      const head = `PUT ${location.pathname}${location.search} HTTP/1.1\r\nHost: r\r\nContent-Length: 13\r\n\r\n`;
      await repository.raw(`${head}whole`, { end: true });
      await Bun.sleep(50);
      expect((await repository.call("HEAD", `blobs/${digestOf("whole content")}`)).status).toBe(404);
    },
  ],
  [
    "a blob with another digest than was said is not there under either",
    async (repository) => {
      const put = withQuery(await repository.begin(), { digest: digestOf("said") });
      expect((await repository.call("PUT", put, { body: "sent" })).status).toBe(400);
      for (const text of ["said", "sent"])
        expect((await repository.call("HEAD", `blobs/${digestOf(text)}`)).status).toBe(404);
    },
  ],
  [
    "requests in one packet are answered in order",
    async (repository) => {
      const one = `GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n`;
      const answer = await repository.raw(`${one}${one}`, { untilMs: 500 });
      expect(answer).toStartWith("HTTP/1.1 200");
    },
  ],
  [
    "a request whose length is said twice is one request at most",
    async (repository) => {
      const path = `/v2/${repository.name}/blobs/uploads/`;
      const twice = `POST ${path} HTTP/1.1\r\nHost: r\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`;
      const answer = await repository.raw(twice, { untilMs: 500 });
      // To take it as chunked is allowed too; what follows is then no request.
      expect(answer).toStartWith("HTTP/1.1 ");
      expect((answer.match(/HTTP\/1\.1 2/g) ?? []).length).toBeLessThanOrEqual(1);
    },
  ],
];

const RESTARTS: readonly [string, (repository: Repository, restart: () => Promise<void>) => Promise<void>][] =
  [
    [
      "what was acknowledged is there after a restart",
      async (repository, restart) => {
        const digest = await repository.pushImage("kept");
        const blob = await repository.pushBlob(noise(100_000));
        await restart();
        for (const path of ["manifests/kept", `manifests/${digest}`, `blobs/${blob}`])
          expect((await repository.call("GET", path)).status).toBe(200);
      },
    ],
    [
      "an upload goes on after a restart, or is gone; it is not wrong",
      async (repository, restart) => {
        const bytes = noise(200_000);
        let location = await repository.begin();
        const first = await repository.call("PATCH", location, { body: bytes.subarray(0, 100_000) });
        location = first.headers.get("location") ?? location;
        await restart();
        const status = await repository.call("GET", location);
        if (status.status === 404) return;
        expect([status.status, status.headers.get("range")]).toEqual([204, "0-99999"]);
        location = status.headers.get("location") ?? location;
        const rest = await repository.call("PATCH", location, { body: bytes.subarray(100_000) });
        expect(rest.status).toBe(202);
        const digest = digestOf(bytes);
        const put = withQuery(rest.headers.get("location") ?? location, { digest });
        expect((await repository.call("PUT", put)).status).toBe(201);
        expect(digestOf(await (await repository.call("GET", `blobs/${digest}`)).bytes())).toBe(digest);
      },
    ],
  ];

/** Defines the suite's tests for `subject`. */
export function distributionSuite(subject: Subject, skips: readonly Skip[] = []): void {
  const skipped = new Map(skips.flatMap(({ reason, tests }) => tests.map((name) => [name, reason] as const)));
  const define = (name: string, body: () => Promise<void>): void => {
    const reason = skipped.get(name);
    if (reason === undefined) test(name, body, 30_000);
    else test.skip(`${name} (${reason})`, body);
    skipped.delete(name);
  };
  const groups = { lists: LISTS, pulls: PULLS, pushes: PUSHES, together: TOGETHER, broken: BROKEN };
  for (const [group, cases] of Object.entries(groups))
    describe(group, () => {
      for (const [name, body] of cases) define(name, () => body(new Repository(subject)));
    });
  describe("restarts", () => {
    const { restart } = subject;
    for (const [name, body] of RESTARTS)
      if (restart === undefined) test.skip(`${name} (cannot be restarted from here)`, () => undefined);
      else define(name, () => body(new Repository(subject), restart));
  });
  test("every test that is skipped exists", () => expect([...skipped.keys()]).toEqual([]));
}
