/**
 * Answers a registry's challenges: nobody, Basic, or Bearer tokens from the realm that it names.
 * Source: distribution's token and OAuth2 authentication documents; RFC 7617.
 * Credentials go to the registry's own origin and to a realm that `realmURL()` accepts, nowhere else.
 */
import { parseDistributionErrors, type RepositoryName } from "../../spec/index.ts";
import { discard, readCapped } from "./body.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import { realmURL } from "./endpoint.ts";
import { BadRegistryAnswer, RegistryRefused, RegistryUnauthenticated } from "./errors.ts";
import { type HTTPSettings, request } from "./http.ts";

/** What a request wants to do with the repository. */
export type Action = "pull" | "push" | "delete";

/** What a token is asked for; what is pushed or deleted is looked at too. */
const SCOPES: Readonly<Record<Action, string>> = {
  pull: "pull",
  push: "pull,push",
  delete: "pull,delete",
};

const MAX_TOKEN_ANSWER = 65_536;
const DEFAULT_EXPIRY_S = 60;
/** A token is not used in its last seconds: it would expire on the way. */
const MARGIN_MS = 5_000;
const CLIENT_ID = "teu";

interface Token {
  readonly header: string;
  readonly expiresAt: number;
}

/** The credentials of one client for one repository, and the tokens that they were changed for. */
export class Authorizer {
  readonly #http: HTTPSettings;
  readonly #origin: string;
  readonly #repository: RepositoryName;
  readonly #credentials: CredentialSource;
  readonly #sources: readonly RepositoryName[];
  readonly #tokens = new Map<Action, Token>();
  /** Exchanges under way, so that parallel requests share one. */
  readonly #pending = new Map<string, Promise<void>>();

  /** @param sources  Other repositories of the registry, from which a push takes blobs. */
  constructor(
    http: HTTPSettings,
    origin: string,
    repository: RepositoryName,
    credentials: CredentialSource,
    sources: readonly RepositoryName[] = [],
  ) {
    this.#http = http;
    this.#origin = origin;
    this.#repository = repository;
    this.#credentials = credentials;
    this.#sources = sources;
  }

  /** The Authorization header that is known to fit, if one is. A token to push also pulls. */
  header(action: Action): string | undefined {
    const now = Date.now();
    const usable = (token: Token | undefined): boolean => token !== undefined && token.expiresAt > now;
    const candidates = action === "pull" ? (["pull", "push"] as const) : [action];
    return candidates.map((key) => this.#tokens.get(key)).find(usable)?.header;
  }

  /**
   * Answers the challenge of a 401; afterwards `header()` knows the answer.
   * @throws {RegistryUnauthenticated} There is nothing (more) that we could say.
   */
  async answer(
    wwwAuthenticate: string,
    action: Action,
    operation: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const key = `${action} ${wwwAuthenticate}`;
    const pending = this.#pending.get(key) ?? this.#exchange(wwwAuthenticate, action, operation, signal);
    this.#pending.set(key, pending);
    try {
      await pending;
    } finally {
      this.#pending.delete(key);
    }
  }

  async #exchange(header: string, action: Action, operation: string, signal?: AbortSignal): Promise<void> {
    const challenge = parseChallenges(header).find(({ scheme }) => scheme === "bearer" || scheme === "basic");
    if (challenge === undefined) throw this.#refuse(operation, "it asks for no authentication that we know");
    const credentials = await this.#credentials(this.#http.registry, this.#repository);
    const token =
      challenge.scheme === "basic"
        ? this.#basic(credentials, operation)
        : await this.#bearer(challenge, credentials, action, operation, signal);
    this.#tokens.set(action, token);
  }

  #basic(credentials: Credentials | undefined, operation: string): Token {
    if (credentials?.kind !== "basic") throw this.#refuse(operation, "it wants a user name and a password");
    return { header: basicHeader(credentials), expiresAt: Number.POSITIVE_INFINITY };
  }

  async #bearer(
    challenge: Challenge,
    credentials: Credentials | undefined,
    action: Action,
    operation: string,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    if (credentials?.kind === "registry-token")
      return { header: `Bearer ${credentials.token}`, expiresAt: Number.POSITIVE_INFINITY };
    const realm = challenge.parameters.get("realm");
    if (realm === undefined) throw this.#badAnswer(operation, "its challenge names no realm");
    const url = realmURL(this.#http.registry, this.#origin, realm);
    const service = challenge.parameters.get("service");
    const scopes = this.#scopes(challenge, action);
    return credentials?.kind === "identity-token"
      ? await this.#refresh(url, service, scopes, credentials.token, operation, signal)
      : await this.#fetchToken(url, service, scopes, credentials, operation, signal);
  }

  /**
   * The challenge's scope leads, since there are servers that read only the first; but for one that asks for less than we need of the same
   * repository: GHCR asks for `pull` when somebody begins an upload.
   */
  #scopes(challenge: Challenge, action: Action): string[] {
    const own = `repository:${this.#repository}:${SCOPES[action]}`;
    const asked = challenge.parameters.get("scope");
    const isLess = asked !== undefined && own.startsWith(`${asked},`);
    const others = action === "push" ? this.#sources.map((name) => `repository:${name}:pull`) : [];
    return [...new Set([...(asked && !isLess ? [asked] : []), own, ...others])];
  }

  async #fetchToken(
    realm: URL,
    service: string | undefined,
    scopes: readonly string[],
    credentials: (Credentials & { kind: "basic" }) | undefined,
    operation: string,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const headers: Record<string, string> = {};
    if (credentials !== undefined) {
      url.searchParams.set("account", credentials.username);
      headers["authorization"] = basicHeader(credentials);
    }
    const response = await request(this.#http, { method: "GET", url: url.href, headers, operation }, signal);
    return await this.#readToken(response, operation);
  }

  async #refresh(
    realm: URL,
    service: string | undefined,
    scopes: readonly string[],
    token: string,
    operation: string,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: token,
      client_id: CLIENT_ID,
    });
    if (service !== undefined) form.set("service", service);
    form.set("scope", scopes.join(" "));
    const response = await request(
      this.#http,
      {
        method: "POST",
        url: realm.href,
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new TextEncoder().encode(form.toString()),
        operation,
      },
      signal,
    );
    return await this.#readToken(response, operation);
  }

  async #readToken(response: Response, operation: string): Promise<Token> {
    if (response.status === 401 || response.status === 403) {
      await discard(response);
      throw this.#refuse(
        operation,
        `its token server refuses our credentials with status ${response.status}`,
      );
    }
    const bytes = await readCapped(response.body, MAX_TOKEN_ANSWER);
    const text = new TextDecoder().decode(bytes);
    if (response.status !== 200)
      throw new RegistryRefused({
        registry: this.#http.registry,
        operation: `get a token to ${operation}`,
        status: response.status,
        errors: parseDistributionErrors(text),
      });
    const parsed = bytes === undefined ? undefined : parseToken(text);
    if (parsed === undefined) throw this.#badAnswer(operation, "its token server sent no token");
    return parsed;
  }

  #refuse(operation: string, reason: string): RegistryUnauthenticated {
    return new RegistryUnauthenticated({ registry: this.#http.registry, operation, reason });
  }

  #badAnswer(operation: string, reason: string): BadRegistryAnswer {
    return new BadRegistryAnswer({ registry: this.#http.registry, operation, reason });
  }
}

function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function parseToken(text: string): Token | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // The text may hold a token: it is not kept as a cause.
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  const fields = answer as Record<string, unknown>; // an object, as just checked
  const token = fields["token"] ?? fields["access_token"];
  // A token is put into a header as it is: anything else than visible characters would break the request.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) return undefined;
  const stated = fields["expires_in"];
  const seconds =
    typeof stated === "number" && stated > 0 ? Math.max(stated, DEFAULT_EXPIRY_S) : DEFAULT_EXPIRY_S;
  return { header: `Bearer ${token}`, expiresAt: Date.now() + seconds * 1000 - MARGIN_MS };
}
