/** A registry that misbehaves on the wire: every case ends in the right bytes or in one clear error. */
import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import {
  floods,
  type MisbehavingRegistry,
  type Misdeed,
  misbehavingRegistry,
  resetsAfter,
  says,
  wire,
} from "../../../test/kits/misbehaving-registry.ts";
import { type AnyTeuError, isTeuError } from "../../base/index.ts";
import { digestOf, parseReference, type Tag } from "../../spec/index.ts";
import { RegistryClient } from "./client.ts";

const TEXT = "0123456789".repeat(20);
const BLOB = { digest: digestOf(TEXT), size: TEXT.length };
const WHOLE = wire("200 OK", TEXT);
const HEAD_BYTES = WHOLE.byteLength - TEXT.length;
const SECRET = `Basic ${Buffer.from("u:p").toString("base64")}`;
const TAG = "1" as Tag;

/** Answers as a good registry does, ranges included. */
const behaves: Misdeed = (socket, head) => {
  const from = /^range: bytes=(\d+)-/im.exec(head)?.[1];
  if (from === undefined) return void socket.end(WHOLE);
  const range = `bytes ${from}-${TEXT.length - 1}/${TEXT.length}`;
  socket.end(wire("206 Partial Content", TEXT.slice(Number(from)), { "content-range": range }));
};

function clientOf({ address }: MisbehavingRegistry): RegistryClient {
  return new RegistryClient(parseReference(`${address}/a`), {
    credentials: async () => ({ kind: "basic", username: "u", password: "p" }),
    retry: { attempts: 3, baseMs: 1, maxMs: 2_000 },
  });
}

function read(registry: MisbehavingRegistry): Promise<string> {
  return new Response(clientOf(registry).getBlob(BLOB)).text();
}

async function failureOf(action: Promise<unknown>): Promise<AnyTeuError> {
  const caught = await action.then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (!isTeuError(caught)) throw caught;
  return caught;
}

describe("a connection that is reset once", () => {
  test.each([
    ["before the first byte", 0],
    ["in the status line", 5],
    ["after the status line", 17],
    ["in a header", 25],
    ["before the empty line's end", HEAD_BYTES - 1],
    ["after the head", HEAD_BYTES],
    ["after the first byte of the body", HEAD_BYTES + 1],
    ["in the body", HEAD_BYTES + 77],
    ["before the last byte", WHOLE.byteLength - 1],
  ])("%s brings the right bytes", async (_where, bytes) => {
    await using registry = await misbehavingRegistry(resetsAfter(WHOLE.subarray(0, bytes)), behaves);
    expect(await read(registry)).toBe(TEXT);
    expect(registry.asked.length).toBe(2);
  });

  test("and then always is one error", async () => {
    await using registry = await misbehavingRegistry(resetsAfter(WHOLE.subarray(0, HEAD_BYTES)));
    expect((await failureOf(read(registry))).code).toBe("registry-unavailable");
    expect(registry.asked.length).toBe(3);
  });
});

describe("a body", () => {
  test("that ends early is gone on with", async () => {
    await using registry = await misbehavingRegistry(says(WHOLE.subarray(0, HEAD_BYTES + 50)), behaves);
    expect(await read(registry)).toBe(TEXT);
  });

  test("that drips in brings the right bytes", async () => {
    await using registry = await misbehavingRegistry(async (socket) => {
      for (let at = 0; at < WHOLE.byteLength; at += 3) {
        socket.write(WHOLE.subarray(at, at + 3));
        await Bun.sleep(1);
      }
      socket.end();
    });
    expect(await read(registry)).toBe(TEXT);
    expect(registry.asked.length).toBe(1);
  });

  test("in a coding that nobody asked for brings the right bytes", async () => {
    const coded = wire("200 OK", gzipSync(TEXT), { "content-encoding": "gzip" });
    await using registry = await misbehavingRegistry(says(coded));
    expect(await read(registry)).toBe(TEXT);
    expect(registry.asked[0]).toMatch(/^accept-encoding: identity\r$/im);
  });

  test("that says gzip and is none is one error", async () => {
    await using registry = await misbehavingRegistry(
      says(wire("200 OK", TEXT, { "content-encoding": "gzip" })),
    );
    expect((await failureOf(read(registry))).code).toBe("registry-unavailable");
  });

  test("that unpacks to far more than the blob is left at once", async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    await using registry = await misbehavingRegistry(
      says(wire("200 OK", bomb, { "content-encoding": "gzip" })),
    );
    expect((await failureOf(read(registry))).code).toBe("size-mismatch");
  });

  test("of another length is refused by its head", async () => {
    await using registry = await misbehavingRegistry(says(wire("200 OK", `${TEXT}!`)));
    expect((await failureOf(read(registry))).code).toBe("size-mismatch");
  });

  test("without length and end is left where the blob ends", async () => {
    const sent = { bytes: 0 };
    const head = Buffer.from("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    await using registry = await misbehavingRegistry(floods(head, sent));
    expect((await failureOf(read(registry))).code).toBe("size-mismatch");
    expect(sent.bytes).toBeLessThan(64 << 20);
  });

  test("from another place than asked for is refused", async () => {
    const range = { "content-range": `bytes 0-${TEXT.length - 51}/${TEXT.length}` };
    await using registry = await misbehavingRegistry(
      says(wire("206 Partial Content", TEXT.slice(50), range)),
    );
    const chunks = Array.fromAsync(clientOf(registry).readBlob(BLOB, 50));
    expect((await failureOf(chunks)).code).toBe("bad-registry-answer");
    expect(registry.asked[0]).toMatch(/^range: bytes=50-\r$/im);
  });
});

describe("an error's body without end", () => {
  test.each(["404 Not Found", "403 Forbidden"])("after %s is left", async (status) => {
    const sent = { bytes: 0 };
    const head = Buffer.from(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
    await using registry = await misbehavingRegistry(floods(head, sent));
    expect((await failureOf(clientOf(registry).resolve(TAG))).code).toMatch(/refused|not-found/);
    expect(sent.bytes).toBeLessThan(64 << 20);
  });
});

test("429 with a date is waited for", async () => {
  const date = new Date(Date.now() + 1_000).toUTCString();
  await using registry = await misbehavingRegistry(
    says(wire("429 Too Many Requests", "", { "retry-after": date })),
    behaves,
  );
  expect(await read(registry)).toBe(TEXT);
});

test("a redirect to another port, which then wants a password, gets none", async () => {
  await using thief = await misbehavingRegistry(
    says(wire("401 Unauthorized", "", { "www-authenticate": 'Basic realm="thief"' })),
  );
  await using registry = await misbehavingRegistry(
    says(wire("401 Unauthorized", "", { "www-authenticate": 'Basic realm="home"' })),
    says(wire("307 Temporary Redirect", "", { location: `http://${thief.address}/take` })),
  );
  expect((await failureOf(read(registry))).code).toBe("registry-refused");
  expect(registry.asked[1]).toContain(SECRET);
  expect(thief.asked.length).toBe(1);
  expect(thief.asked.join("")).not.toMatch(/^authorization:/im);
});
