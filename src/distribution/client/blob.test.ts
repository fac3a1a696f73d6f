import { describe, expect, test } from "bun:test";
import {
  type Answer,
  type Asked,
  answer,
  bodyOf,
  challenge,
  endlessBody,
  scriptedRegistry,
} from "../../../test/kits/scripted-registry.ts";
import { type AnyTeuError, isTeuError } from "../../base/index.ts";
import { digestOf, parseReference } from "../../spec/index.ts";
import { RegistryClient, type RegistryClientOptions } from "./client.ts";
import { streamOf } from "./stream.ts";

const TEXT = "0123456789";
const BLOB = { digest: digestOf(TEXT), size: TEXT.length };
const FAST = { attempts: 3, baseMs: 1, maxMs: 5 };

function clientOf(answers: Answer[], options: RegistryClientOptions = {}) {
  const { fetch, asked } = scriptedRegistry(...answers);
  const client = new RegistryClient(parseReference("r.io/a"), {
    fetch,
    credentials: async () => ({ kind: "basic", username: "u", password: "p" }),
    retry: FAST,
    ...options,
  });
  return { client, asked };
}

async function failureOf(action: Promise<unknown>): Promise<AnyTeuError> {
  const caught = await action.then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (!isTeuError(caught)) throw caught;
  return caught;
}

/** A connection that breaks after `text`. */
const breaksAfter =
  (text: string): Answer =>
  () =>
    new Response(bodyOf([text], Object.assign(new Error("reset"), { code: "ECONNRESET" })));
const rangeOf = ({ headers }: Asked): string | null => headers.get("range");

describe("getBlob()", () => {
  test("gives the bytes", async () => {
    const { client } = clientOf([answer(200, TEXT)]);
    expect(await new Response(client.getBlob(BLOB)).text()).toBe(TEXT);
  });

  test("gives an empty blob", async () => {
    const { client } = clientOf([answer(200, "")]);
    expect(await new Response(client.getBlob({ digest: digestOf(""), size: 0 })).text()).toBe("");
  });

  test("goes on where a connection broke", async () => {
    const rest: Answer = (asked) => {
      const from = Number(/bytes=(\d+)-/.exec(rangeOf(asked) ?? "")?.[1]);
      const headers = { "content-range": `bytes ${from}-9/10` };
      return new Response(TEXT.slice(from), { status: 206, headers });
    };
    const { client, asked } = clientOf([breaksAfter("0123"), rest]);
    expect(await new Response(client.getBlob(BLOB)).text()).toBe(TEXT);
    expect(asked.map(rangeOf)).toEqual([null, "bytes=4-"]);
  });

  test("goes on with a new token where that has expired in the middle", async () => {
    const expired = challenge('Bearer realm="https://auth.io/t"');
    const token = (text: string) => answer(200, JSON.stringify({ token: text }));
    const rest = answer(206, TEXT.slice(4), { "content-range": "bytes 4-9/10" });
    const answers = [expired, token("first"), breaksAfter("0123"), expired, token("second"), rest];
    const { client, asked } = clientOf(answers);
    expect(await new Response(client.getBlob(BLOB)).text()).toBe(TEXT);
    const last = asked.at(-1);
    expect([last?.headers.get("authorization"), last && rangeOf(last)]).toEqual([
      "Bearer second",
      "bytes=4-",
    ]);
  });

  test("skips what it has when the server ignores the range", async () => {
    const { client } = clientOf([
      breaksAfter("0123"),
      () => new Response(bodyOf(["01", "234", "5"], Object.assign(new Error(), { code: "ECONNRESET" }))),
      () => new Response(bodyOf(["012345678", "9"])),
    ]);
    expect(await new Response(client.getBlob(BLOB)).text()).toBe(TEXT);
  });

  test.each([
    ["other bytes", [answer(200, "012345678X")], "digest-mismatch", "data-loss"],
    [
      "too much, announced",
      [answer(200, `${TEXT}!`, { "content-length": "11" })],
      "size-mismatch",
      "data-loss",
    ],
    ["too little, announced", [answer(200, "0", { "content-length": "1" })], "size-mismatch", "data-loss"],
    ["too much", [() => new Response(bodyOf([TEXT, "!"]))], "size-mismatch", "data-loss"],
    ["bytes without end", [() => new Response(endlessBody())], "size-mismatch", "data-loss"],
    [
      "too little, and no more of it",
      [() => new Response(bodyOf(["0123"])), answer(416)],
      "size-mismatch",
      "data-loss",
    ],
    [
      "another range",
      [breaksAfter("0123"), answer(206, "89", { "content-range": "bytes 8-9/10" })],
      "bad-registry-answer",
      "internal",
    ],
    [
      "a range of another blob",
      [breaksAfter("0123"), answer(206, "456789", { "content-range": "bytes 4-9/11" })],
      "bad-registry-answer",
      "internal",
    ],
    [
      "a range without saying which",
      [breaksAfter("0123"), answer(206, "456789")],
      "bad-registry-answer",
      "internal",
    ],
    ["no such blob", [answer(404)], "registry-refused", "not-found"],
    [
      "connections that always break",
      [breaksAfter("0"), breaksAfter("0"), breaksAfter("0")],
      "registry-unavailable",
      "unavailable",
    ],
  ])("refuses %s", async (_, answers, code, kind) => {
    const { client, asked } = clientOf(answers);
    expect(await failureOf(new Response(client.getBlob(BLOB)).bytes())).toMatchObject({ code, kind });
    expect(asked).toHaveLength(answers.length);
  });

  test("gives up a connection that has gone silent, not one whose reader is slow", async () => {
    const silent: Answer = () => new Response(bodyOf(["0123"], "never"));
    const { client, asked } = clientOf([silent, answer(200, TEXT)], { stallMs: 20 });
    let text = "";
    for await (const chunk of client.getBlob(BLOB)) {
      await Bun.sleep(40);
      text += new TextDecoder().decode(chunk);
    }
    expect(text).toBe(TEXT);
    expect(asked).toHaveLength(2);
  });

  test("ends with the signal's reason in the middle of a silent body", async () => {
    const { client } = clientOf([() => new Response(bodyOf(["0123"], "never"))]);
    const controller = new AbortController();
    const reading = new Response(client.getBlob(BLOB, controller.signal))
      .bytes()
      .catch((error: unknown) => error);
    await Bun.sleep(5);
    const reason = new Error("ctrl-C");
    controller.abort(reason);
    expect(await reading).toBe(reason);
  });

  test("asks for no more than the reader takes", async () => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulls += 1;
          controller.enqueue(new Uint8Array(1));
        },
      },
      { highWaterMark: 0 },
    );
    const { client } = clientOf([() => new Response(body)]);
    const reader = client.getBlob({ digest: BLOB.digest, size: 1000 }).getReader();
    await reader.read();
    await reader.read();
    await Bun.sleep(5);
    // The Response in between may hold one chunk.
    expect(pulls).toBeLessThanOrEqual(3);
    await reader.cancel();
  });
});

describe("hasBlob()", () => {
  test("asks by HEAD", async () => {
    const { client, asked } = clientOf([answer(200, null, { "content-length": "10" }), answer(404)]);
    expect(await client.hasBlob(BLOB)).toBe(true);
    expect(await client.hasBlob(BLOB)).toBe(false);
    expect(asked.map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
  });
  test("refuses another size", async () => {
    const { client } = clientOf([answer(200, null, { "content-length": "11" })]);
    expect((await failureOf(client.hasBlob(BLOB))).code).toBe("bad-registry-answer");
  });
});

describe("pushBlob()", () => {
  const open = () => bodyOf(["01234", "56789"]);
  const started = answer(202, null, { location: "/v2/a/blobs/uploads/1?_state=x%2By%20z" });

  test("sends a small blob in one request, to the location as it was spelt", async () => {
    const { client, asked } = clientOf([started, answer(201)]);
    await client.pushBlob(BLOB, open);
    expect(asked.map(({ method, url, body }) => [method, url, body])).toEqual([
      ["POST", "https://r.io/v2/a/blobs/uploads/", ""],
      [
        "PUT",
        `https://r.io/v2/a/blobs/uploads/1?_state=x%2By%20z&digest=${encodeURIComponent(BLOB.digest)}`,
        TEXT,
      ],
    ]);
  });

  const LARGE = { digest: BLOB.digest, size: 3 << 20 };
  const openLarge = (): ReadableStream<Uint8Array> =>
    bodyOf(Array.from({ length: 48 }, () => "x".repeat(65_536)));

  test("says beforehand by what it is to be hashed, where that is not sha256", async () => {
    const { client, asked } = clientOf([started, answer(201)]);
    await client.pushBlob({ digest: digestOf(TEXT, "sha512"), size: TEXT.length }, open);
    expect(asked[0]?.url).toBe("https://r.io/v2/a/blobs/uploads/?digest-algorithm=sha512");
  });

  test("streams a large one, and follows the newest location", async () => {
    const patched = answer(202, null, { location: "2" });
    const { client, asked } = clientOf([started, patched, answer(201)]);
    await client.pushBlob(LARGE, openLarge);
    expect(asked.map(({ method, body }) => [method, body.length])).toEqual([
      ["POST", 0],
      ["PATCH", LARGE.size],
      ["PUT", 0],
    ]);
    expect(asked[2]?.url).toStartWith("https://r.io/v2/a/blobs/uploads/2?digest=sha256");
  });

  test("begins a streamed upload again, and lets the registry forget the first", async () => {
    const { client, asked } = clientOf([
      started,
      answer(503),
      answer(204),
      started,
      answer(202, null, { location: "2" }),
      answer(201),
    ]);
    await client.pushBlob(LARGE, openLarge);
    expect(asked.map(({ method }) => method)).toEqual(["POST", "PATCH", "DELETE", "POST", "PATCH", "PUT"]);
  });

  test("begins again when the token expires under a stream", async () => {
    const { client, asked } = clientOf([
      started,
      challenge("Basic"),
      answer(204),
      started,
      answer(202, null, { location: "2" }),
      answer(201),
    ]);
    await client.pushBlob(LARGE, openLarge);
    expect(asked[4]?.headers.get("authorization")).toStartWith("Basic ");
  });

  test("begins again when the registry has lost the upload", async () => {
    const lost = answer(404, '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
    const { client } = clientOf([started, lost, answer(204), started, answer(201)]);
    await client.pushBlob(BLOB, open);
  });

  test.each([
    [
      "an upload on another host",
      [answer(202, null, { location: "https://thief.io/u" })],
      "untrusted-address",
    ],
    ["no location", [answer(202)], "bad-registry-answer"],
    [
      "a digest that the registry disputes",
      [started, answer(400, '{"errors":[{"code":"DIGEST_INVALID"}]}'), answer(204)],
      "registry-refused",
    ],
  ])("refuses %s, once", async (_, answers, code) => {
    const { client, asked } = clientOf(answers);
    expect((await failureOf(client.pushBlob(BLOB, open))).code).toBe(code);
    expect(asked).toHaveLength(answers.length);
  });

  test("refuses a source of another length before it sends it", async () => {
    const { client, asked } = clientOf([started, answer(204)]);
    expect((await failureOf(client.pushBlob({ ...BLOB, size: 9 }, open))).code).toBe("size-mismatch");
    expect(asked.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  });
});

test("streamOf() ends the iteration when it is cancelled", async () => {
  let ended = false;
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) yield new Uint8Array(1);
    } finally {
      ended = true;
    }
  }
  const reader = streamOf(chunks()).getReader();
  await reader.read();
  await reader.cancel();
  expect(ended).toBe(true);
});
