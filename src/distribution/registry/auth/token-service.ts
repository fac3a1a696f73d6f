/**
 * Tokens of our own: who proves to be somebody by a password gets a token that says so for some minutes, for the repositories
 * that were asked for. What the token grants is looked up again when it is used, so a right that was taken away is gone at once. A
 * refresh token stands for a password: it works while its user has that password.
 * Source: distribution, docs/spec/auth/token.md (GET) and oauth.md (POST).
 */
import { randomUUID, type webcrypto } from "node:crypto";
import { Refusal } from "../refusal.ts";
import { readBody } from "../request-body.ts";
import type { Htpasswd } from "./htpasswd.ts";
import { readKeySet, signJwt, type VerificationKey, verifyJwt } from "./jwt.ts";
import type { Identity, Rules } from "./rules.ts";
import { allowedActions, type Grant, parseScopes, readAccess } from "./scope.ts";

const ISSUER = "teu";
const REFRESH_LIFETIME_S = 30 * 24 * 60 * 60;
const REFRESH_TYPE = "refresh";
const MAX_FORM_BYTES = 64 << 10;
/** More than one machine's clock may be wrong. */
const LEEWAY_S = 30;

/** What a token of ours says. */
export interface TokenClaims {
  readonly identity: Identity;
  readonly grants: readonly Grant[];
}

/** Issues and reads them. */
export class TokenService {
  readonly #service: string;
  readonly #lifetimeS: number;
  readonly #htpasswd: Htpasswd;
  readonly #rules: Rules;
  readonly #signer: { id: string; algorithm: "ES256"; key: CryptoKey };
  readonly #keys: readonly VerificationKey[];

  private constructor(
    options: { service: string; lifetimeS: number; htpasswd: Htpasswd; rules: Rules },
    signer: { id: string; algorithm: "ES256"; key: CryptoKey },
    keys: readonly VerificationKey[],
  ) {
    this.#service = options.service;
    this.#lifetimeS = options.lifetimeS;
    this.#htpasswd = options.htpasswd;
    this.#rules = options.rules;
    this.#signer = signer;
    this.#keys = keys;
  }

  /** @param privateKey  A P-256 key as JWK; tokens outlive the process only if it does. */
  static async open(
    options: { service: string; lifetimeS: number; htpasswd: Htpasswd; rules: Rules },
    privateKey: webcrypto.JsonWebKey,
  ): Promise<TokenService> {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", privateKey, curve, false, ["sign"]);
    const id = `${privateKey.x}`.slice(0, 16);
    const keys = await readKeySet({ keys: [{ ...privateKey, kid: id, alg: "ES256" }] });
    return new TokenService(options, { id, algorithm: "ES256", key }, keys);
  }

  /** Reads a token that came with a request; undefined: it is none of ours, or no more. */
  async read(token: string): Promise<TokenClaims | undefined> {
    const claims = await this.#claims(token, "access");
    return claims && { identity: identityOf(claims["sub"]), grants: readAccess(claims["access"]) };
  }

  /** GET and POST of the token endpoint. @throws {Refusal} UNAUTHORIZED */
  async answer(request: Request): Promise<Response> {
    return request.method === "POST" ? await this.#answerForm(request) : await this.#answerQuery(request);
  }

  async #answerQuery(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const identity = await this.#identify(basicOf(request.headers.get("authorization")));
    const wantsRefresh = query.get("offline_token") === "true" && identity.kind === "user";
    return await this.#issue(identity, query.getAll("scope"), wantsRefresh);
  }

  async #answerForm(request: Request): Promise<Response> {
    const body = await readBody(
      request,
      MAX_FORM_BYTES,
      () => new Refusal("SIZE_INVALID", { status: 413, message: "the form is too large" }),
    );
    const form = new URLSearchParams(Buffer.from(body).toString());
    const scopes = form.getAll("scope");
    switch (form.get("grant_type")) {
      case "password": {
        const credentials = { name: form.get("username") ?? "", password: form.get("password") ?? "" };
        const identity = await this.#identify(credentials);
        return await this.#issue(identity, scopes, form.get("access_type") === "offline");
      }
      case "refresh_token": {
        const claims = await this.#claims(form.get("refresh_token") ?? "", REFRESH_TYPE);
        const identity = identityOf(claims?.["sub"]);
        // It stands for a password, and goes with it.
        const fingerprint =
          identity.kind === "user" ? await this.#htpasswd.fingerprint(identity.name) : undefined;
        if (fingerprint === undefined || claims?.["pwd"] !== fingerprint)
          throw new Refusal("UNAUTHORIZED", { message: "the refresh token is not valid" });
        return await this.#issue(identity, scopes, false);
      }
      default:
        throw new Refusal("UNSUPPORTED", { status: 400, message: "the grant type is not supported" });
    }
  }

  /** Nobody without a password, somebody with the right one. @throws {Refusal} UNAUTHORIZED */
  async #identify(credentials: { name: string; password: string } | undefined): Promise<Identity> {
    if (credentials === undefined) return { kind: "anonymous" };
    const { name, password } = credentials;
    if (!(await this.#htpasswd.verify(name, password)))
      throw new Refusal("UNAUTHORIZED", {
        message: "name or password is wrong",
        headers: { "www-authenticate": `Basic realm="${this.#service}"` },
      });
    return { kind: "user", name };
  }

  async #issue(identity: Identity, scopes: readonly string[], wantsRefresh: boolean): Promise<Response> {
    const access = parseScopes(scopes).map(({ name, actions }) => ({
      type: "repository",
      name,
      actions: allowedActions(actions, (right) => this.#rules.allow(identity, name, right)),
    }));
    const issuedAt = Math.floor(Date.now() / 1000);
    const subject = identity.kind === "anonymous" ? "" : identity.name;
    const token = await this.#sign(subject, issuedAt, this.#lifetimeS, { use: "access", access });
    const refresh = wantsRefresh ? { refresh_token: await this.#refreshToken(subject, issuedAt) } : {};
    const times = { expires_in: this.#lifetimeS, issued_at: new Date(issuedAt * 1000).toISOString() };
    return Response.json(
      { token, access_token: token, ...times, ...refresh },
      { headers: { "cache-control": "no-store" } },
    );
  }

  async #refreshToken(subject: string, now: number): Promise<string> {
    const pwd = await this.#htpasswd.fingerprint(subject);
    return await this.#sign(subject, now, REFRESH_LIFETIME_S, { use: REFRESH_TYPE, pwd });
  }

  async #sign(subject: string, now: number, lifetimeS: number, claims: object): Promise<string> {
    const common = {
      iss: ISSUER,
      aud: this.#service,
      sub: subject,
      iat: now,
      nbf: now,
      exp: now + lifetimeS,
    };
    return await signJwt({ ...common, jti: randomUUID(), ...claims }, this.#signer);
  }

  async #claims(token: string, use: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const claims = await verifyJwt(token, this.#keys);
    const isRight =
      claims !== undefined &&
      isForUs(claims, { issuer: ISSUER, audience: this.#service, nowMs: Date.now() }) &&
      claims["use"] === use;
    return isRight ? claims : undefined;
  }
}

/** Whether a token's issuer, audience and times are right. Source: RFC 7519, 4.1. */
export function isForUs(
  claims: Readonly<Record<string, unknown>>,
  { issuer, audience, nowMs }: { issuer: string; audience: string; nowMs: number },
): boolean {
  const { iss, aud, exp, nbf } = claims;
  const now = nowMs / 1000;
  return (
    iss === issuer &&
    (aud === audience || (Array.isArray(aud) && aud.includes(audience))) &&
    typeof exp === "number" &&
    exp + LEEWAY_S > now &&
    (nbf === undefined || (typeof nbf === "number" && nbf - LEEWAY_S <= now))
  );
}

/** The name and password of a Basic header. Source: RFC 7617. */
export function basicOf(header: string | null): { name: string; password: string } | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function identityOf(subject: unknown): Identity {
  return typeof subject === "string" && subject !== ""
    ? { kind: "user", name: subject }
    : { kind: "anonymous" };
}
