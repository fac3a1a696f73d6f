import { describe, expect, test } from "bun:test";
import {
  type Answer,
  answer,
  bodyOf,
  challenge,
  scriptedRegistry,
} from "../../../test/kits/scripted-registry.ts";
import { type AnyTeuError, isTeuError } from "../../base/index.ts";
import { parseReference, type Tag } from "../../spec/index.ts";
import { RegistryClient, type RegistryClientOptions } from "./client.ts";
import type { Credentials } from "./credentials.ts";

const TAG = "1" as Tag;
const CONFIG =
  '{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}';
const MANIFEST = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":${CONFIG},"layers":[]}`;
const FAST = { attempts: 4, baseMs: 1, maxMs: 50 };
const manifest = answer(200, MANIFEST, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
const nobody = async (): Promise<undefined> => undefined;
const user = async (): Promise<Credentials> => ({ kind: "basic", username: "u", password: "p:ä" });
const BASIC = `Basic ${Buffer.from("u:p:ä").toString("base64")}`;
const BEARER = 'Bearer realm="https://auth.io/token?x=1",service="r.io",scope="repository:a/b:pull"';

function clientOf(answers: Answer[], options: RegistryClientOptions = {}, image = "r.io/a/b") {
  const { fetch, asked } = scriptedRegistry(...answers);
  const client = new RegistryClient(parseReference(image), {
    fetch,
    credentials: nobody,
    retry: FAST,
    ...options,
  });
  return { client, asked, says: () => asked.map(({ headers }) => headers.get("authorization")) };
}

async function failureOf(action: Promise<unknown>): Promise<AnyTeuError> {
  const caught = await action.then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (!isTeuError(caught)) throw caught;
  return caught;
}

describe("authentication", () => {
  test("nobody is told who we are unless asked", async () => {
    const { client, says } = clientOf([manifest], { credentials: user });
    expect((await client.resolve(TAG)).size).toBe(MANIFEST.length);
    expect(says()).toEqual([null]);
  });

  test("Basic is answered and remembered", async () => {
    const { client, says } = clientOf([challenge('Basic realm="x"'), manifest, manifest], {
      credentials: user,
    });
    await client.resolve(TAG);
    await client.resolve(TAG);
    expect(says()).toEqual([null, BASIC, BASIC]);
  });

  test("Bearer: an anonymous token is fetched from the realm and remembered", async () => {
    const token = answer(200, '{"token":"t1"}');
    const { client, asked, says } = clientOf([challenge(BEARER), token, manifest, manifest]);
    await client.resolve(TAG);
    await client.resolve(TAG);
    expect(asked[1]?.url).toBe("https://auth.io/token?x=1&service=r.io&scope=repository%3Aa%2Fb%3Apull");
    expect(says()).toEqual([null, null, "Bearer t1", "Bearer t1"]);
  });

  test("Bearer: the password goes to the realm, the token to the registry", async () => {
    const token = answer(200, '{"access_token":"t1","expires_in":300}');
    const { client, asked, says } = clientOf([challenge(BEARER), token, manifest], { credentials: user });
    await client.resolve(TAG);
    expect(says()).toEqual([null, BASIC, "Bearer t1"]);
    expect(new URL(asked[1]?.url ?? "").searchParams.get("account")).toBe("u");
  });

  test("Bearer: an identity token is changed for an access token", async () => {
    const identity = async (): Promise<Credentials> => ({ kind: "identity-token", token: "refresh me" });
    const token = answer(200, '{"access_token":"t1"}');
    const { client, asked } = clientOf([challenge(BEARER), token, manifest], { credentials: identity });
    await client.resolve(TAG);
    expect(asked[1]?.method).toBe("POST");
    expect(Object.fromEntries(new URLSearchParams(asked[1]?.body))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "refresh me",
      service: "r.io",
      scope: "repository:a/b:pull",
    });
  });

  test("insufficient_scope is answered once with the registry's scope first", async () => {
    const more = challenge('Bearer realm="https://auth.io/t",scope="extra:x",error="insufficient_scope"');
    const token = answer(200, '{"token":"t"}');
    const { client, asked } = clientOf([challenge(BEARER), token, more, token, manifest]);
    await client.resolve(TAG);
    expect(new URL(asked[3]?.url ?? "").searchParams.getAll("scope")).toEqual([
      "extra:x",
      "repository:a/b:pull",
    ]);
    const stubborn = clientOf([challenge(BEARER), token, more, token, more]);
    expect((await failureOf(stubborn.client.resolve(TAG))).kind).toBe("unauthenticated");
  });

  test("a token that has expired is fetched anew", async () => {
    const { client, says } = clientOf([
      challenge(BEARER),
      answer(200, '{"token":"t1"}'),
      manifest,
      challenge(BEARER),
      answer(200, '{"token":"t2"}'),
      manifest,
    ]);
    await client.resolve(TAG);
    await client.resolve(TAG);
    expect(says().at(-1)).toBe("Bearer t2");
  });

  test("parallel requests share one exchange", async () => {
    let exchanges = 0;
    const client = new RegistryClient(parseReference("r.io/a/b"), {
      credentials: nobody,
      fetch: async (request) => {
        if (request.url.startsWith("https://auth.io")) {
          exchanges += 1;
          await Bun.sleep(5);
          return Response.json({ token: "t" });
        }
        return request.headers.has("authorization")
          ? new Response(MANIFEST)
          : new Response(null, { status: 401, headers: { "www-authenticate": BEARER } });
      },
    });
    await Promise.all([client.resolve(TAG), client.resolve(TAG), client.resolve(TAG)]);
    expect(exchanges).toBe(1);
  });

  test.each([
    ["no credentials for Basic", [challenge("Basic")], nobody, "registry-unauthenticated"],
    ["wrong credentials", [challenge("Basic"), challenge("Basic")], user, "registry-unauthenticated"],
    ["a scheme that nobody knows", [challenge("Negotiate")], user, "registry-unauthenticated"],
    ["a 401 without a challenge", [answer(401)], user, "registry-unauthenticated"],
    ["a token server that refuses", [challenge(BEARER), answer(401)], user, "registry-unauthenticated"],
    ["a token server that errs", [challenge(BEARER), answer(400, "{}")], user, "registry-refused"],
    [
      "a token that would split the header",
      [challenge(BEARER), answer(200, '{"token":"a\\r\\nb"}')],
      user,
      "bad-registry-answer",
    ],
    ["a token answer that is none", [challenge(BEARER), answer(200, "[]")], user, "bad-registry-answer"],
    [
      "a token answer without end",
      [challenge(BEARER), answer(200, "x".repeat(70_000))],
      user,
      "bad-registry-answer",
    ],
    ["a realm over http", [challenge('Bearer realm="http://r.io/t"')], user, "untrusted-address"],
    ["a realm inside", [challenge('Bearer realm="https://169.254.169.254/t"')], user, "untrusted-address"],
    ["a 403", [answer(403, '{"errors":[{"code":"DENIED"}]}')], user, "registry-refused"],
  ])("%s is one error", async (_, answers, credentials, code) => {
    const { client, asked } = clientOf(answers, { credentials });
    expect((await failureOf(client.resolve(TAG))).code).toBe(code);
    expect(asked).toHaveLength(answers.length);
  });
});

describe("redirects", () => {
  const to = (location: string, status = 307): Answer => answer(status, null, { location });

  test("another host gets no Authorization, and its challenge is not answered (go-containerregistry #2337)", async () => {
    const thief = challenge('Bearer realm="https://thief.io/token"');
    const { client, asked, says } = clientOf([challenge("Basic"), to("https://thief.io/x"), thief], {
      credentials: user,
    });
    expect((await failureOf(client.resolve(TAG))).code).toBe("registry-refused");
    expect(says()).toEqual([null, BASIC, null]);
    expect(asked).toHaveLength(3);
  });

  test("coming back from another host does not bring Authorization back", async () => {
    const { client, says } = clientOf(
      [challenge("Basic"), to("https://cdn.io/x"), to("https://r.io/v2/a/b/manifests/1"), manifest],
      { credentials: user },
    );
    await client.resolve(TAG);
    expect(says()).toEqual([null, BASIC, null, null]);
  });

  test("another port is another host", async () => {
    const { client, says } = clientOf([challenge("Basic"), to("https://r.io:8443/x"), manifest], {
      credentials: user,
    });
    await client.resolve(TAG);
    expect(says()).toEqual([null, BASIC, null]);
  });

  test("the same host keeps Authorization", async () => {
    const { client, says } = clientOf([challenge("Basic"), to("/elsewhere"), manifest], {
      credentials: user,
    });
    await client.resolve(TAG);
    expect(says()).toEqual([null, BASIC, BASIC]);
  });

  test("end after ten", async () => {
    const { client, asked } = clientOf(Array.from({ length: 20 }, () => to("/again")));
    expect((await failureOf(client.resolve(TAG))).code).toBe("bad-registry-answer");
    expect(asked).toHaveLength(11);
  });

  test("from https to http are refused", async () => {
    const { client } = clientOf([to("http://r.io/x")]);
    expect((await failureOf(client.resolve(TAG))).code).toBe("untrusted-address");
  });
});

describe("patience", () => {
  test("a burst of errors is waited out", async () => {
    const { client, asked } = clientOf([
      answer(500),
      answer(503),
      answer(429, null, { "retry-after": "0" }),
      manifest,
    ]);
    await client.resolve(TAG);
    expect(asked).toHaveLength(4);
  });

  test("Retry-After is obeyed", async () => {
    const { client } = clientOf([answer(429, null, { "retry-after": "1" }), manifest], {
      retry: { attempts: 2, baseMs: 1, maxMs: 2_000 },
    });
    const start = performance.now();
    await client.resolve(TAG);
    expect(performance.now() - start).toBeGreaterThan(950);
  });

  test("a Retry-After beyond our patience is given to the caller at once", async () => {
    const { client, asked } = clientOf([answer(429, null, { "retry-after": "86400" })]);
    const failure = await failureOf(client.resolve(TAG));
    expect(failure).toMatchObject({ code: "registry-refused", kind: "exhausted" });
    expect(asked).toHaveLength(1);
  });

  test("errors without end become one error with the last answer", async () => {
    const { client, asked } = clientOf(Array.from({ length: 9 }, () => answer(502, "<html>bad gateway")));
    expect(await failureOf(client.resolve(TAG))).toMatchObject({
      code: "registry-refused",
      kind: "unavailable",
    });
    expect(asked).toHaveLength(FAST.attempts);
  });

  test("broken connections without end become one error that holds every attempt", async () => {
    const broken = (): Response => {
      throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
    };
    const { client } = clientOf([broken, broken, broken, broken]);
    const failure = await failureOf(client.resolve(TAG));
    expect(failure).toMatchObject({ code: "registry-unavailable", kind: "unavailable" });
    expect(failure.cause).toBeInstanceOf(AggregateError);
    expect((failure.cause as AggregateError).errors).toHaveLength(4);
  });

  test("a registry that is down is one error at once", async () => {
    const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const image = `127.0.0.1:${closed.port}/a`;
    closed.stop(true);
    const client = new RegistryClient(parseReference(image));
    const failure = await failureOf(client.resolve(TAG));
    expect(failure).toMatchObject({ kind: "unavailable", context: { attempts: 1 } });
    expect(failure.message).toBe(
      `Cannot pull manifest 1 at registry "${image.split("/")[0]}": connection refused; is it running?`,
    );
  });

  test.each([
    ["EPROTO", "it does not speak https", "--insecure"],
    ["ENOTFOUND", "no such host", undefined],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is not trusted: self signed", undefined],
  ])("%s is explained and not repeated", async (code, says, hint) => {
    const broken = (): Response => {
      throw Object.assign(new Error("self signed"), { code });
    };
    const { client, asked } = clientOf([broken]);
    const failure = await failureOf(client.resolve(TAG));
    expect(failure.message).toEndWith(`: ${says}`);
    expect(failure.hint?.includes(hint ?? "") ?? false).toBe(hint !== undefined);
    expect(asked).toHaveLength(1);
  });

  test("a silent registry is given up", async () => {
    const slow = new RegistryClient(parseReference("r.io/a"), {
      credentials: nobody,
      retry: { attempts: 2, baseMs: 1, maxMs: 1 },
      headTimeoutMs: 10,
      fetch: (request) => aborted(request.signal),
    });
    expect((await failureOf(slow.resolve(TAG))).message).toContain("no answer within 10 ms");
  });

  test("an abort ends a wait with the signal's reason", async () => {
    const { client } = clientOf([answer(503, null, { "retry-after": "60" })], {
      retry: { attempts: 9, baseMs: 60_000, maxMs: 60_000 },
    });
    const reason = new Error("ctrl-C");
    const controller = new AbortController();
    const resolving = client.resolve(TAG, controller.signal).catch((error: unknown) => error);
    await Bun.sleep(5);
    controller.abort(reason);
    expect(await resolving).toBe(reason);
  });
});

describe("resolve()", () => {
  const type = { "content-type": "application/vnd.oci.image.manifest.v1+json" };
  test.each([
    ["no such image", answer(404, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'), "manifest-not-found"],
    [
      "two types",
      answer(200, MANIFEST, { "content-type": "application/vnd.oci.image.index.v1+json" }),
      "bad-registry-answer",
    ],
    ["no JSON", answer(200, "<html>", type), "bad-registry-answer"],
    ["an array", answer(200, "[]", type), "bad-registry-answer"],
    ["no type at all", answer(200, "{}"), "bad-registry-answer"],
    [
      "other bytes than it states",
      answer(200, MANIFEST, { ...type, "docker-content-digest": `sha256:${"0".repeat(64)}` }),
      "manifest-digest-mismatch",
    ],
    [
      "too much",
      () => new Response(bodyOf(Array.from({ length: 80 }, () => "x".repeat(65_536))), { headers: type }),
      "bad-registry-answer",
    ],
    [
      "too much by its own word",
      answer(200, MANIFEST, { ...type, "content-length": "5000000" }),
      "bad-registry-answer",
    ],
  ])("refuses %s", async (_, given, code) => {
    const { client } = clientOf([given]);
    expect((await failureOf(client.resolve(TAG))).code).toBe(code);
  });

  test("takes the type from the body where the header says nothing", async () => {
    const { client } = clientOf([
      answer(200, MANIFEST, { "content-type": "application/json; charset=utf-8" }),
    ]);
    expect((await client.resolve(TAG)).mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
  });

  test("says the registry's words without its terminal commands", async () => {
    const { client } = clientOf([
      answer(400, '{"errors":[{"code":"NAME_INVALID","message":"bad \\u001b[31mname"}]}'),
    ]);
    expect((await failureOf(client.resolve(TAG))).message).toBe(
      'Cannot pull manifest 1 at registry "r.io": status 400, NAME_INVALID: bad  [31mname',
    );
  });
});

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

test.each([
  [
    { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600", "retry-after": "86400" },
    "Its limit is 100 requests in 21600 s, 0 are left, try again in 86400 s; who is logged in may have another",
  ],
  [{ "retry-after": "86400" }, "try again in 86400 s; who is logged in may have another"],
  [{ "retry-after": "x\u001b[2J", "ratelimit-limit": "a" }, undefined],
])("a limit that is reached is told of: %p", async (headers, hint) => {
  const { client } = clientOf([answer(429, null, headers as Record<string, string>)], {
    retry: { ...FAST, attempts: 1 },
  });
  const error = await client.resolve(TAG).catch((thrown: unknown) => thrown);
  expect((error as { hint?: string }).hint).toBe(hint as never);
});

describe("warnings", () => {
  test("of the registry are told, of nobody else, in one line and without terminal commands", async () => {
    const told: string[] = [];
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const warns = (warning: string) => answer(200, MANIFEST, { "content-type": mediaType, warning });
    const { client } = clientOf(
      [
        warns('299 - "moves, in May", 299 - "a \\"b\\""'),
        warns('199 - "other", 299 other "text", 299 - "\u009b31mred"'),
        warns(`299 - "${"x".repeat(5000)}"`),
        answer(307, null, { location: "https://elsewhere.io/x" }),
        warns('299 - "of a stranger"'),
      ],
      { onWarning: (text) => told.push(text) },
    );
    for (let round = 0; round < 4; round += 1) await client.resolve(TAG);
    expect(told).toEqual(["moves, in May", 'a "b"', " 31mred"]);
  });
});
