/** Tokens: ours, somebody else's, and those that only look like one (CVE-2025-24976 and its kind). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, type webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../../spec/index.ts";
import { type OpenRegistry, openRegistry } from "../registry.ts";
import { Htpasswd } from "./htpasswd.ts";
import { readKeySet, signJwt, verifyJwt } from "./jwt.ts";
import { Rules } from "./rules.ts";
import { TokenService } from "./token-service.ts";

const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const root = mkdtempSync(join(tmpdir(), "teu-tokens-"));
let registry: OpenRegistry;
let trusted: { key: CryptoKey; jwk: webcrypto.JsonWebKey };

async function keyPair(): Promise<{
  key: CryptoKey;
  jwk: webcrypto.JsonWebKey;
  privateJwk: webcrypto.JsonWebKey;
}> {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const [jwk, privateJwk] = await Promise.all([
    crypto.subtle.exportKey("jwk", pair.publicKey),
    crypto.subtle.exportKey("jwk", pair.privateKey),
  ]);
  return { key: pair.privateKey, jwk, privateJwk };
}

beforeAll(async () => {
  const path = join(root, "htpasswd");
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  writeFileSync(path, `alice:${hash}\nbob:${hash}\n`);
  const htpasswd = await Htpasswd.open(path);
  const rules = new Rules(
    [
      { repositories: ["team/**"], identities: ["group:team"], rights: ["read", "create", "update"] },
      { repositories: ["public/**"], identities: ["anonymous", "authenticated"], rights: ["read"] },
    ],
    { team: ["alice"] },
  );
  const own = await keyPair();
  const service = { service: "teu-registry", lifetimeS: 300, htpasswd, rules };
  const tokens = await TokenService.open(service, own.privateJwk);
  trusted = await keyPair();
  const keySet = join(root, "keys.json");
  writeFileSync(keySet, JSON.stringify({ keys: [{ ...trusted.jwk, kid: "1", alg: "ES256", use: "sig" }] }));
  registry = openRegistry({
    root,
    means: {
      rules,
      htpasswd,
      tokens,
      trusted: { issuer: "them", audience: "registry", realm: "https://them.example/token", keySet },
    },
  });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
  await registry.handle(new Request(`http://r${path}`, init));
const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

async function tokenFor(user: string | undefined, scope: string): Promise<string> {
  const headers = user === undefined ? {} : { authorization: `Basic ${btoa(`${user}:secret`)}` };
  const response = await ask(`/auth/token?service=teu-registry&scope=${scope}`, { headers });
  expect(response.status).toBe(200);
  return ((await response.json()) as { token: string }).token;
}

describe("our tokens", () => {
  test("are had for what one may do, and work for that", async () => {
    const token = await tokenFor("alice", "repository:team/x:pull,push");
    const headers = { authorization: `Bearer ${token}` };
    const digest = digestOf("x");
    const push = await ask(`/v2/team/x/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body: "x",
      headers,
    });
    expect(push.status).toBe(201);
    expect((await ask(`/v2/team/x/blobs/${digest}`, bearer(token))).status).toBe(200);
    expect((await ask("/v2/", bearer(token))).status).toBe(200);
    const elsewhere = await ask("/v2/team/y/tags/list", bearer(token));
    expect([elsewhere.status, elsewhere.headers.get("www-authenticate")]).toEqual([
      401,
      'Bearer realm="https://them.example/token",service="registry",scope="repository:team/y:pull",error="insufficient_scope"',
    ]);
  });

  test("grant no more than the rules do, and a smaller grant is no error", async () => {
    const payload = async (token: string): Promise<unknown> =>
      JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).access;
    expect(await payload(await tokenFor("bob", "repository:team/x:pull,push"))).toEqual([
      { type: "repository", name: "team/x", actions: [] },
    ]);
    expect(await payload(await tokenFor("alice", "repository:team/x:*"))).toEqual([
      { type: "repository", name: "team/x", actions: ["pull", "push"] },
    ]);
    expect(await payload(await tokenFor(undefined, "repository:public/x:pull,push"))).toEqual([
      { type: "repository", name: "public/x", actions: ["pull"] },
    ]);
    expect(await payload(await tokenFor("alice", "registry:catalog:* repository:../x:pull"))).toEqual([]);
  });

  test("anonymous ones read what is public", async () => {
    const token = await tokenFor(undefined, "repository:public/x:pull");
    expect((await ask("/v2/public/x/tags/list", bearer(token))).status).toBe(404);
  });

  test("are not had with a wrong password", async () => {
    const headers = { authorization: `Basic ${btoa("alice:wrong")}` };
    expect((await ask("/auth/token?scope=x", { headers })).status).toBe(401);
  });

  test("OAuth: password and refresh token by POST; an access token is no refresh token, and the other way round", async () => {
    const post = async (form: Record<string, string>): Promise<Response> =>
      await ask("/auth/token", { method: "POST", body: new URLSearchParams(form) });
    const login = { grant_type: "password", username: "alice", password: "secret", access_type: "offline" };
    const scope = "repository:team/x:pull";
    const got = (await (await post({ ...login, scope })).json()) as Record<string, string>;
    const refresh = { grant_type: "refresh_token", refresh_token: got["refresh_token"] ?? "", scope };
    const again = (await (await post(refresh)).json()) as Record<string, string>;
    expect((await ask("/v2/team/x/tags/list", bearer(again["access_token"] ?? ""))).status).toBe(200);
    expect((await post({ ...refresh, refresh_token: got["access_token"] ?? "" })).status).toBe(401);
    expect((await ask("/v2/", bearer(refresh.refresh_token))).status).toBe(401);
    expect((await post({ grant_type: "magic" })).status).toBe(400);
    expect((await post({ grant_type: "password", filling: "x".repeat(1 << 20) })).status).toBe(413);
  });
});

describe("a refresh token", () => {
  const options = { algorithm: "bcrypt", cost: 4 } as const;
  const hash = async (password: string): Promise<string> => await Bun.password.hash(password, options);

  test("works while its user has the password that it was had for, and not after", async () => {
    const path = join(root, "changing");
    let now = 0;
    const write = (text: string): void => {
      writeFileSync(path, text);
      now += 2_000; // the file is looked at once a second
    };
    const [first, second] = [await hash("first"), await hash("second")];
    write(`carol:${first}\n`);
    const htpasswd = await Htpasswd.open(path, () => now);
    const service = { service: "s", lifetimeS: 300, htpasswd, rules: new Rules([]) };
    const tokens = await TokenService.open(service, (await keyPair()).privateJwk);
    const post = async (form: Record<string, string>): Promise<Response> =>
      await tokens.answer(new Request("http://r/", { method: "POST", body: new URLSearchParams(form) }));
    const login = { grant_type: "password", username: "carol", password: "first", access_type: "offline" };
    const got = (await (await post(login)).json()) as { refresh_token: string };
    const use = async (): Promise<number | string> =>
      await post({ grant_type: "refresh_token", refresh_token: got.refresh_token }).then(
        ({ status }) => status,
        String,
      );
    expect(await use()).toBe(200);
    for (const lines of [`carol:${second}\n`, `dave:${first}\n`, ""]) {
      write(lines);
      expect(await use()).toContain("the refresh token is not valid");
    }
    write(`carol:${first}\ndave:${second}\n`);
    expect(await use()).toBe(200);
  });
});

describe("tokens of somebody whom we trust", () => {
  const now = (): number => Math.floor(Date.now() / 1000);
  const access = [{ type: "repository", name: "any/where", actions: ["pull"] }];
  const good = (): object => ({ iss: "them", aud: "registry", sub: "carol", exp: now() + 60, access });
  const sign = async (claims: object): Promise<string> =>
    await signJwt(claims, { id: "1", algorithm: "ES256", key: trusted.key });
  const status = async (token: string): Promise<number> =>
    (await ask("/v2/any/where/tags/list", bearer(token))).status;

  test("grant what they say", async () => {
    expect(await status(await sign(good()))).toBe(404);
    expect(await status(await sign({ ...good(), aud: ["other", "registry"] }))).toBe(404);
  });

  test.each([
    ["another issuer", { iss: "others" }],
    ["another audience", { aud: "other" }],
    ["no audience", { aud: undefined }],
    ["an end that has come", { exp: 1 }],
    ["no end", { exp: undefined }],
    ["a beginning that has not", { nbf: 99_999_999_999 }],
    ["access that is none", { access: "all" }],
    ["another repository", { access: [{ ...access[0], name: "any/where/else" }] }],
    ["another action", { access: [{ ...access[0], actions: ["push"] }] }],
  ])("with %s are refused", async (_, fields) => {
    expect(await status(await sign({ ...good(), ...fields }))).toBe(401);
  });

  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

  test("signed by a key that the token brings along are refused", async () => {
    const { key, jwk } = await keyPair();
    const signed = `${part({ alg: "ES256", kid: "1", jwk })}.${part(good())}`;
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, Buffer.from(signed));
    expect(await status(`${signed}.${Buffer.from(signature).toString("base64url")}`)).toBe(401);
  });

  test("with no algorithm, or with the public key as the secret of a symmetric one, are refused", async () => {
    expect(await status(`${part({ alg: "none" })}.${part(good())}.`)).toBe(401);
    const signed = `${part({ alg: "HS256", kid: "1" })}.${part(good())}`;
    const secret = JSON.stringify(trusted.jwk);
    expect(await status(`${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`)).toBe(
      401,
    );
  });

  test("that were changed after they were signed are refused", async () => {
    const [header = "", , signature = ""] = (await sign(good())).split(".");
    const more = { ...good(), access: [{ type: "repository", name: "any/where", actions: ["*"] }] };
    expect(await status(`${header}.${part(more)}.${signature}`)).toBe(401);
  });
});

describe("verifyJwt()", () => {
  test("reads what RFC 7515, A.3 signs with ES256", async () => {
    const jwk = {
      kty: "EC",
      crv: "P-256",
      x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    };
    const token =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const keys = await readKeySet({ keys: [jwk] });
    expect(await verifyJwt(token, keys)).toMatchObject({ iss: "joe" });
    expect(await verifyJwt(token.replace("DtE", "DtF"), keys)).toBeUndefined();
    expect(await verifyJwt(`${token}.x`, keys)).toBeUndefined();
  });

  test("takes no symmetric key from a key set", async () => {
    expect(await readKeySet({ keys: [{ kty: "oct", k: "c2VjcmV0", alg: "HS256" }] })).toEqual([]);
  });
});
