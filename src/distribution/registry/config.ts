/**
 * The configuration file of a registry, in YAML. What it does not know it refuses, so that no rule is lost to a wrong letter.
 * docs/reference/registry-config.md describes every field.
 */
import {
  array,
  boolean,
  type Check,
  type Fields,
  InvalidDocument,
  type Issue,
  integer,
  isRegistryName,
  isRepositoryName,
  mustBe,
  object,
  oneOf,
  optional,
  record,
  string,
} from "../../spec/index.ts";
import type { TrustedIssuer } from "./auth/authenticator.ts";
import { RIGHTS, type Rule } from "./auth/rules.ts";
import type { EventEndpoint } from "./operate/events.ts";
import type { Quota } from "./storage/policy.ts";
import type { RetentionRule } from "./upkeep/retention.ts";

/** Paths in it are as they are written: relative to where the registry was started. */
export interface RegistryConfig {
  readonly listen?: string;
  readonly root?: string;
  readonly insecureListen?: boolean;
  readonly tls?: TlsConfig;
  /** A file of `htpasswd -B`. */
  readonly htpasswd?: string;
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** Makes this registry its own token server. */
  readonly tokens?: { readonly lifetimeSeconds?: number };
  readonly trustedIssuer?: TrustedIssuer;
  /** Who may do what; without it everybody may do everything. */
  readonly access?: readonly Rule[];
  readonly quotas?: readonly Quota[];
  readonly immutableTags?: readonly ImmutableTags[];
  readonly readOnly?: boolean;
  /** A proxy in front says by X-Forwarded-* what clients call us and who they are. */
  readonly trustForwarded?: boolean;
  /** `HOST:PORT` where metrics and health are had, on plain http. */
  readonly admin?: string;
  /** A line of JSON for each request, on stderr. */
  readonly accessLog?: boolean;
  readonly events?: readonly EventEndpoint[];
  /** Which tags stay. */
  readonly retention?: readonly RetentionRule[];
  /** Globs of repositories whose untagged manifests go. */
  readonly removeUntagged?: readonly string[];
  readonly collect?: CollectConfig;
  readonly upstreams?: readonly UpstreamConfig[];
  /** How often everything is read and hashed; without it never. */
  readonly scrub?: { readonly everyHours: number };
  /** What clients show to people who use some repositories. */
  readonly warnings?: readonly WarningRule[];
}

/** A registry whose images are fetched when somebody asks for them here. */
export interface UpstreamConfig {
  /** Of the repositories here; what comes after it is the repository's name there. */
  readonly prefix: string;
  /** As a reference names it. */
  readonly registry: string;
  /** How long what a tag names is believed. */
  readonly freshMinutes?: number;
  /** Speaks plain http to it. */
  readonly insecure?: boolean;
}

/** A text for whoever pulls from or pushes to repositories. */
export interface WarningRule {
  readonly repositories: readonly string[];
  readonly text: string;
}

/** When garbage is collected, and what is too young to be any. */
export interface CollectConfig {
  /** 0: only when somebody says so. */
  readonly everyMinutes?: number;
  readonly graceMinutes?: number;
}

/** Certificates; the files are read again when they change. */
export interface TlsConfig {
  readonly certificate: string;
  readonly key: string;
  /** Whose client certificates are believed; without it none is asked for. */
  readonly clientAuthority?: string;
  /** Whether a client without one is turned away. */
  readonly requireClientCertificate?: boolean;
}

/** Globs of repositories, and of their tags that do not move. */
export interface ImmutableTags {
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
  readonly except?: readonly string[];
}

/** An object with these fields and no others. */
function closed<T extends object>(fields: Fields<T>): Check<T> {
  const check = object<T>(fields);
  return (value) => {
    const issues: Issue[] = [...(check(value) ?? [])];
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const name of Object.keys(value))
        if (!Object.hasOwn(fields, name))
          issues.push({
            path: [name],
            found: "this field",
            wants: `one of ${Object.keys(fields).join(", ")}`,
          });
    return issues.length === 0 ? undefined : issues;
  };
}

const strings = array(string);
const repositoryName: Check<string> = (value) =>
  typeof value === "string" && isRepositoryName(value)
    ? undefined
    : [{ path: [], found: JSON.stringify(value) ?? "nothing", wants: "the name of a repository" }];
const registryName: Check<string> = (value) =>
  typeof value === "string" && isRegistryName(value)
    ? undefined
    : [{ path: [], found: JSON.stringify(value) ?? "nothing", wants: "a registry as a reference names it" }];
/** Source: distribution-spec spec.md, Warnings: printable text, all of an answer's together at most 4096 bytes. */
const warningText: Check<string> = (value) => {
  if (typeof value === "string" && /^[ !#-[\]-~]{1,1000}$/.test(value)) return undefined;
  return [
    {
      path: [],
      found: JSON.stringify(value) ?? "nothing",
      wants: "up to 1000 letters of ASCII without quotes",
    },
  ];
};
const httpURL: Check<string> = (value) => {
  if (typeof value === "string" && /^https?:/.test(value) && URL.canParse(value)) return undefined;
  return [{ path: [], found: JSON.stringify(value) ?? "nothing", wants: "an http or https URL" }];
};
const configCheck = closed<RegistryConfig>({
  listen: optional(string),
  root: optional(string),
  insecureListen: optional(boolean),
  tls: optional(
    closed<TlsConfig>({
      certificate: string,
      key: string,
      clientAuthority: optional(string),
      requireClientCertificate: optional(boolean),
    }),
  ),
  htpasswd: optional(string),
  groups: optional(record(strings)),
  tokens: optional(closed<{ lifetimeSeconds?: number }>({ lifetimeSeconds: optional(integer(60, 86_400)) })),
  trustedIssuer: optional(
    closed<TrustedIssuer>({ issuer: string, audience: string, realm: string, keySet: string }),
  ),
  access: optional(
    array(closed<Rule>({ repositories: strings, identities: strings, rights: array(oneOf(RIGHTS)) })),
  ),
  quotas: optional(array(closed<Quota>({ prefix: string, bytes: integer(0) }))),
  immutableTags: optional(
    array(closed<ImmutableTags>({ repositories: strings, tags: strings, except: optional(strings) })),
  ),
  readOnly: optional(boolean),
  trustForwarded: optional(boolean),
  admin: optional(string),
  accessLog: optional(boolean),
  events: optional(
    array(
      closed<EventEndpoint>({
        url: httpURL,
        repositories: optional(strings),
        headers: optional(record(string)),
      }),
    ),
  ),
  retention: optional(
    array(
      closed<RetentionRule>({
        repositories: strings,
        tags: strings,
        keep: closed<RetentionRule["keep"]>({
          newest: optional(integer(0)),
          pushedWithinDays: optional(integer(0)),
          pulledWithinDays: optional(integer(0)),
        }),
      }),
    ),
  ),
  removeUntagged: optional(strings),
  upstreams: optional(
    array(
      closed<UpstreamConfig>({
        prefix: repositoryName,
        registry: registryName,
        freshMinutes: optional(integer(0)),
        insecure: optional(boolean),
      }),
    ),
  ),
  scrub: optional(closed<{ everyHours: number }>({ everyHours: integer(1) })),
  warnings: optional(array(closed<WarningRule>({ repositories: strings, text: warningText }))),
  collect: optional(
    closed<CollectConfig>({ everyMinutes: optional(integer(0)), graceMinutes: optional(integer(1)) }),
  ),
});

const IDENTITY = /^(?:\*|anonymous|authenticated|(?:user|group|certificate):.+)$/;

/** Parses the file's text. @throws {InvalidDocument} with every issue */
export function parseRegistryConfig(text: string, name: string): RegistryConfig {
  let value: unknown;
  try {
    value = Bun.YAML.parse(text) ?? {};
  } catch {
    throw new InvalidDocument({
      name,
      issues: [{ path: [], found: "text that is not YAML", wants: "YAML" }],
    });
  }
  const config = mustBe(configCheck, value, name);
  const issues = contradictions(config);
  if (issues.length > 0) throw new InvalidDocument({ name, issues });
  return config;
}

function contradictions(config: RegistryConfig): Issue[] {
  const issues: Issue[] = [];
  const { access, htpasswd, tokens, trustedIssuer, tls, events, groups = {} } = config;
  if (
    access === undefined &&
    (htpasswd !== undefined || trustedIssuer !== undefined || tls?.clientAuthority !== undefined)
  )
    issues.push({
      path: ["access"],
      found: "nothing",
      wants: "rules: who proves who he is has no rights yet",
    });
  if (tokens !== undefined && htpasswd === undefined)
    issues.push({ path: ["tokens"], found: "no htpasswd", wants: "a file of passwords to give tokens for" });
  if (tls?.requireClientCertificate && tls.clientAuthority === undefined)
    issues.push({ path: ["tls", "requireClientCertificate"], found: "no clientAuthority", wants: "one" });
  const urls = (events ?? []).map(({ url }) => new URL(url).href);
  for (const [index, url] of urls.entries())
    if (urls.indexOf(url) < index)
      issues.push({
        path: ["events", index, "url"],
        found: "that of another entry",
        wants: "one of its own: what an endpoint has heard is noted by URL",
      });
  for (const [index, { identities }] of (access ?? []).entries())
    for (const [at, identity] of identities.entries())
      issues.push(
        ...identityIssues(identity, groups).map((issue) => ({
          ...issue,
          path: ["access", index, "identities", at],
        })),
      );
  return issues;
}

/** What is wrong with a word that says for whom a rule is. */
function identityIssues(
  identity: string,
  groups: NonNullable<RegistryConfig["groups"]>,
): Omit<Issue, "path">[] {
  const found = JSON.stringify(identity);
  if (!IDENTITY.test(identity))
    return [{ found, wants: "user:NAME, group:NAME, certificate:NAME, anonymous, authenticated or *" }];
  const [, group] = /^group:(.*)$/.exec(identity) ?? [];
  if (group === undefined || Object.hasOwn(groups, group)) return [];
  const known = Object.keys(groups);
  return [
    {
      found,
      wants: known.length === 0 ? "a group, but groups has none" : `a group of groups: ${known.join(", ")}`,
    },
  ];
}
