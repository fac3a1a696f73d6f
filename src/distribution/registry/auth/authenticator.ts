/**
 * Who makes a request: by password, by a token of ours, by a token of somebody whom we trust, by a client certificate, or
 * nobody in particular. What was offered and is wrong is refused; it never counts as nothing offered.
 */
import { parseJSON } from "../../../spec/index.ts";
import { Refusal } from "../refusal.ts";
import { type Caller, callerOf } from "./caller.ts";
import type { Htpasswd } from "./htpasswd.ts";
import { readKeySet, type VerificationKey, verifyJwt } from "./jwt.ts";
import type { Rules } from "./rules.ts";
import { grantsAllow, readAccess } from "./scope.ts";
import { basicOf, isForUs, type TokenService } from "./token-service.ts";
import { WatchedFile } from "./watched-file.ts";

/** A token server that is not ours: whatever it grants is granted. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** Where clients get tokens. */
  readonly realm: string;
  /** A file with a JSON Web Key Set, read again when it changes. */
  readonly keySet: string;
}

/** What is known of a request's connection. */
export interface Connection {
  /** The common name of a client certificate that was verified. */
  readonly certificate?: string | undefined;
  /** Where it comes from. */
  readonly address?: string | undefined;
  /** Where the handler says who the caller was, for whoever watches. */
  readonly callers?: string[];
}

/** The means of one registry. */
export interface Means {
  readonly rules: Rules;
  readonly htpasswd?: Htpasswd | undefined;
  readonly tokens?: TokenService | undefined;
  readonly trusted?: TrustedIssuer | undefined;
  /** A proxy in front says by X-Forwarded-Proto and -Host what clients call us. */
  readonly isForwarded?: boolean | undefined;
}

/** Tells who it is. */
export class Authenticator {
  readonly #means: Means;
  readonly #trustedKeys: WatchedFile<readonly VerificationKey[]> | undefined;

  constructor(means: Means) {
    this.#means = means;
    if (means.trusted !== undefined)
      this.#trustedKeys = new WatchedFile(means.trusted.keySet, (text, path) =>
        readKeySet(parseJSON(text, path)),
      );
  }

  /** @throws {Refusal} UNAUTHORIZED What was offered is wrong. */
  async identify(request: Request, connection: Connection = {}): Promise<Caller> {
    const { rules, htpasswd } = this.#means;
    const header = request.headers.get("authorization");
    if (header === null)
      return callerOf(
        connection.certificate === undefined
          ? { kind: "anonymous" }
          : { kind: "certificate", name: connection.certificate },
        rules,
      );
    const basic = basicOf(header);
    if (basic !== undefined && htpasswd !== undefined && (await htpasswd.verify(basic.name, basic.password)))
      return callerOf({ kind: "user", name: basic.name }, rules);
    const [, token] = /^bearer +(\S+)$/i.exec(header) ?? [];
    const caller = token === undefined ? undefined : await this.#bearer(token);
    if (caller === undefined)
      throw new Refusal("UNAUTHORIZED", {
        message: "the credentials are not valid",
        headers: { "www-authenticate": this.challenge(request, "", token && "invalid_token") },
      });
    return caller;
  }

  /** The `WWW-Authenticate` of a request that needs `scope`. */
  challenge(request: Request, scope: string, error?: string): string {
    const { tokens, trusted } = this.#means;
    if (tokens === undefined && trusted === undefined) return 'Basic realm="teu registry", charset="UTF-8"';
    const parts = [
      ["realm", trusted?.realm ?? new URL(TOKEN_PATH, this.#origin(request)).href],
      ["service", trusted?.audience ?? SERVICE],
      ["scope", scope],
      ["error", error ?? ""],
    ];
    return `Bearer ${parts
      .filter(([, value]) => value !== "")
      .map(([name, value]) => `${name}="${value}"`)
      .join(",")}`;
  }

  /** What clients call us. */
  #origin({ url, headers }: Request): string {
    if (!this.#means.isForwarded) return url;
    const proto = headers.get("x-forwarded-proto")?.split(",", 1)[0]?.trim();
    const host = headers.get("x-forwarded-host")?.split(",", 1)[0]?.trim() ?? headers.get("host");
    const origin = `${proto === "https" ? "https" : "http"}://${host}`;
    return URL.canParse(origin) ? origin : url;
  }

  async #bearer(token: string): Promise<Caller | undefined> {
    const { tokens, trusted, rules } = this.#means;
    const ours = await tokens?.read(token);
    if (ours !== undefined) {
      const { identity, grants } = ours;
      const name = identity.kind === "anonymous" ? "" : `user:${identity.name}`;
      return {
        name,
        allows: (repository, right) =>
          grantsAllow(grants, repository, right) && rules.allow(identity, repository, right),
        whenDenied: "insufficient-scope",
      };
    }
    if (trusted === undefined || this.#trustedKeys === undefined) return undefined;
    const claims = await verifyJwt(token, await this.#trustedKeys.read());
    if (claims === undefined || !isForUs(claims, { ...trusted, nowMs: Date.now() })) return undefined;
    const grants = readAccess(claims["access"]);
    return {
      name: typeof claims["sub"] === "string" && claims["sub"] !== "" ? `user:${claims["sub"]}` : "",
      allows: (repository, right) => grantsAllow(grants, repository, right),
      whenDenied: "insufficient-scope",
    };
  }
}

/** Where our own tokens are had. */
export const TOKEN_PATH = "/auth/token";
/** The audience of our own tokens. */
export const SERVICE = "teu-registry";
