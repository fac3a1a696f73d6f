/** From a configuration to what a registry is opened with. */
import { randomUUID, type webcrypto } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RepositoryName } from "../../spec/index.ts";
import { type Means, SERVICE } from "./auth/authenticator.ts";
import { compileGlob } from "./auth/glob.ts";
import { Htpasswd } from "./auth/htpasswd.ts";
import { Rules } from "./auth/rules.ts";
import { TokenService } from "./auth/token-service.ts";
import type { UpstreamRepository } from "./cache/pull-through.ts";
import type { ImmutableTags, RegistryConfig, UpstreamConfig, WarningRule } from "./config.ts";
import { AccessLog } from "./operate/access-log.ts";
import type { RegistryOptions } from "./serve.ts";
import type { StoragePolicy } from "./storage/policy.ts";
import type { OperationContext } from "./upkeep/operations.ts";

const DEFAULT_TOKEN_LIFETIME_S = 300;
const MINUTE_MS = 60_000;
const STDERR = 2;
const DEFAULT_COLLECT_MINUTES = 60;
const DEFAULT_FRESH_MINUTES = 60;
/** A day: whoever pushes a large image by hand may come back in the morning. */
const DEFAULT_GRACE_MINUTES = 24 * 60;

/** Makes a client of an upstream's repository. */
export type OpenUpstream = (upstream: UpstreamConfig, repository: RepositoryName) => UpstreamRepository;

/** What a registry in `root` is opened with by this configuration, but for where it listens. */
export async function registryOptions(
  config: RegistryConfig,
  root: string,
  openUpstream: OpenUpstream,
): Promise<Omit<RegistryOptions, "listen">> {
  const means = await openMeans(config, root);
  return {
    root,
    policy: policyOf(config),
    collection: collectionOf(config),
    // What is read-only loses nothing either.
    collectEveryMs: config.readOnly
      ? 0
      : (config.collect?.everyMinutes ?? DEFAULT_COLLECT_MINUTES) * MINUTE_MS,
    scrubEveryMs: (config.scrub?.everyHours ?? 0) * 60 * MINUTE_MS,
    upstreams: (config.upstreams ?? []).map((upstream) => ({
      prefix: upstream.prefix,
      registry: upstream.registry,
      freshMs: (upstream.freshMinutes ?? DEFAULT_FRESH_MINUTES) * MINUTE_MS,
      open: (repository) => openUpstream(upstream, repository),
    })),
    warnings: compileWarnings(config.warnings ?? []),
    events: config.events ?? [],
    isForwarded: config.trustForwarded ?? false,
    ...(config.accessLog && { log: new AccessLog(STDERR) }),
    ...(config.admin !== undefined && { admin: config.admin }),
    ...(config.tls && { tls: config.tls }),
    ...(means && { means }),
  };
}

/** What counts as garbage. */
export function collectionOf(config: RegistryConfig): OperationContext["collection"] {
  return {
    retention: config.retention ?? [],
    removeUntagged: config.removeUntagged ?? [],
    graceMs: (config.collect?.graceMinutes ?? DEFAULT_GRACE_MINUTES) * MINUTE_MS,
    isImmutable: policyOf(config).isImmutable,
    isPartial: (repository) =>
      (config.upstreams ?? []).some(({ prefix }) => repository.startsWith(`${prefix}/`)),
  };
}

/** What may not be stored, whoever asks. */
export function policyOf(config: RegistryConfig): StoragePolicy {
  const matchers = (config.immutableTags ?? []).map(compileImmutable);
  return {
    isReadOnly: config.readOnly ?? false,
    quotas: config.quotas ?? [],
    isImmutable: (repository, tag) => matchers.some((matches) => matches(repository, tag)),
  };
}

/** Who may do what, if the configuration says anything about it. */
async function openMeans(config: RegistryConfig, root: string): Promise<Means | undefined> {
  if (config.access === undefined) return undefined;
  const rules = new Rules(config.access, config.groups);
  const htpasswd = config.htpasswd === undefined ? undefined : await Htpasswd.open(config.htpasswd);
  const lifetimeS = config.tokens?.lifetimeSeconds ?? DEFAULT_TOKEN_LIFETIME_S;
  const tokens =
    config.tokens === undefined || htpasswd === undefined
      ? undefined
      : await TokenService.open({ service: SERVICE, lifetimeS, htpasswd, rules }, await openKey(root));
  return { rules, htpasswd, tokens, trusted: config.trustedIssuer, isForwarded: config.trustForwarded };
}

/** The texts for whoever uses a repository. */
function compileWarnings(warnings: readonly WarningRule[]): (repository: string) => readonly string[] {
  const rules = warnings.map(({ repositories, text }) => ({ globs: repositories.map(compileGlob), text }));
  return (repository) =>
    rules.filter(({ globs }) => globs.some((matches) => matches(repository))).map(({ text }) => text);
}

function compileImmutable({ repositories, tags, except = [] }: ImmutableTags) {
  const [inRepository, named, excepted] = [repositories, tags, except].map((globs) => globs.map(compileGlob));
  const some = (globs: typeof named, text: string): boolean =>
    globs?.some((matches) => matches(text)) ?? false;
  return (repository: string, tag: string): boolean =>
    some(inRepository, repository) && some(named, tag) && !some(excepted, tag);
}

/** The key that signs our tokens; made once, so that they outlive a restart. */
async function openKey(root: string): Promise<webcrypto.JsonWebKey> {
  const path = join(root, "token-key.json");
  try {
    return JSON.parse(await readFile(path, "utf8")) as webcrypto.JsonWebKey; // written below only
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const key = await crypto.subtle.exportKey("jwk", pair.privateKey);
  await mkdir(root, { recursive: true });
  const unfinished = `${path}.${randomUUID()}`;
  await writeFile(unfinished, JSON.stringify(key), { mode: 0o600, flush: true });
  await rename(unfinished, path);
  return key;
}
