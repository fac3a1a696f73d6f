/**
 * Where a repository is asked for: its mirrors first, then the registry itself, as this machine's configuration says. Each place has its own
 * credentials, certificates and headers; nothing of the registry's is shown to a mirror.
 */

import { TeuError } from "../../base/index.ts";
import type { Fetch, RegistryClientOptions, Repository } from "../../distribution/client/index.ts";
import { parseReference, type Reference, type RegistryName } from "../../spec/index.ts";
import { type Certificates, readCertificates, systemCertificates } from "./certificates.ts";
import { type RegistryHost, type RegistryHosts, readHostsTOML } from "./hosts-toml.ts";
import { proxyFor } from "./proxy.ts";
import { type RegistryRule, readRegistriesConf, relocate, ruleFor } from "./registries-conf.ts";

/** One place, and how it is spoken to. */
export interface Endpoint {
  readonly repository: Repository;
  readonly options: RegistryClientOptions;
  readonly isMirror: boolean;
}

/** What is asked for. */
export interface Wish {
  readonly action: "pull" | "push";
  /** Plain http to the registry itself. */
  readonly isInsecure: boolean;
  /** The folder of the registry's own certificates; absent: those that this machine keeps for it. */
  readonly certificates?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Somebody who looks after this machine does not want it. */
export class RegistryBlocked extends TeuError<"registry-blocked", { name: string; prefix: string }> {
  constructor(context: { name: string; prefix: string }) {
    super(
      "registry-blocked",
      "permission-denied",
      context,
      `Registry of ${context.name} is blocked: registries.conf blocks ${JSON.stringify(context.prefix)}`,
    );
  }
}

type Asked = Pick<Reference, "registry" | "repository"> & Partial<Pick<Reference, "digest">>;

/** The places in the order in which they are tried; the last is the registry itself. @throws {RegistryBlocked} {InvalidConfiguration} */
export function endpointsOf(reference: Asked, wish: Wish): readonly [...Endpoint[], Endpoint] {
  const { environment } = wish;
  const name = `${reference.registry}/${reference.repository}`;
  const rule = ruleFor(readRegistriesConf(environment), name);
  if (rule?.isBlocked) throw new RegistryBlocked({ name, prefix: rule.prefix });
  const hosts = readHostsTOML(reference.registry);
  const mirrors =
    wish.action === "push"
      ? []
      : rule?.mirrors.length
        ? mirrorsOf(rule, reference, wish)
        : hostsOf(hosts, reference, wish);
  return [...mirrors, homeOf(reference, rule, hosts, wish)];
}

/** The registry itself. */
export function homeOf(
  reference: Asked,
  rule: RegistryRule | undefined,
  hosts: RegistryHosts | undefined,
  wish: Wish,
): Endpoint {
  const { registry, repository } = reference;
  const isInsecure = wish.isInsecure || (rule?.isInsecure ?? false);
  if (rule?.location !== undefined)
    return placeAt(relocate(rule, rule.location, `${registry}/${repository}`), isInsecure, false, wish);
  const pushing =
    wish.action === "push"
      ? hosts?.hosts.find(({ capabilities }) => capabilities.includes("push"))
      : undefined;
  const host = pushing ?? hosts?.server;
  if (host !== undefined && wish.certificates === undefined)
    return hostEndpoint(host, reference, wish, false);
  return placeAt(`${registry}/${repository}`, isInsecure, false, wish);
}

function mirrorsOf(rule: RegistryRule, { registry, repository, digest }: Asked, wish: Wish): Endpoint[] {
  return rule.mirrors
    .filter(({ use }) => use === "all" || (use === "digest-only") === (digest !== undefined))
    .map(({ location, isInsecure }) =>
      placeAt(relocate(rule, location, `${registry}/${repository}`), isInsecure, true, wish),
    );
}

function placeAt(name: string, isInsecure: boolean, isMirror: boolean, wish: Wish): Endpoint {
  const repository = parseReference(name);
  const named = isMirror ? undefined : wish.certificates;
  const certificates = readCertificates(repository.registry, wish.environment, named);
  const host = new URL(`https://${repository.registry}`).host;
  return {
    repository,
    isMirror,
    options: {
      insecure: isInsecure,
      // Whose certificates are kept here is spoken to by them.
      secure: Object.keys(certificates).length > 0,
      fetch: configuredFetch({ host, certificates, environment: wish.environment }),
    },
  };
}

function hostsOf(hosts: RegistryHosts | undefined, reference: Asked, wish: Wish): Endpoint[] {
  return (hosts?.hosts ?? [])
    .filter(
      ({ capabilities }) =>
        capabilities.includes("pull") && (capabilities.includes("resolve") || reference.digest !== undefined),
    )
    .map((host) => hostEndpoint(host, reference, wish, true));
}

function hostEndpoint(
  { origin, path, certificates, headers }: RegistryHost,
  { registry, repository }: Asked,
  { environment }: Wish,
  isMirror: boolean,
): Endpoint {
  const { host, protocol } = new URL(origin);
  const namespace = isMirror ? registry : undefined;
  return {
    repository: { registry: host as RegistryName, repository }, // a URL's host is one
    isMirror,
    options: {
      insecure: protocol === "http:",
      secure: protocol === "https:",
      fetch: configuredFetch({ host, certificates, environment, headers, path, namespace }),
    },
  };
}

/** How one place is spoken to. Its certificates, headers and paths are for itself, not for where it sends us. */
function configuredFetch({
  host,
  certificates,
  environment,
  headers = {},
  path = "/v2",
  namespace,
}: {
  readonly host: string;
  readonly certificates: Certificates;
  readonly environment: Wish["environment"];
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly namespace?: string | undefined;
}): Fetch {
  let system: readonly string[] | undefined | null = null;
  return async (request) => {
    const url = new URL(request.url);
    const isHome = url.host === host;
    let sent = request;
    if (isHome && (path !== "/v2" || namespace !== undefined || Object.keys(headers).length > 0)) {
      if (url.pathname.startsWith("/v2/")) {
        url.pathname = `${path}${url.pathname.slice("/v2".length)}`;
        if (namespace !== undefined) url.searchParams.set("ns", namespace);
      }
      sent = new Request(url.href, request);
      for (const [name, value] of Object.entries(headers)) sent.headers.set(name, value);
    }
    // Bun knows these two, its types only one of them. A proxy that is `false` is none, whatever the environment says.
    const init = { proxy: proxyFor(url, environment) ?? false } as BunFetchRequestInit;
    if (url.protocol !== "https:") return await fetch(sent, init);
    if (system === null) system = systemCertificates(environment);
    const { ca = [], ...own } = isHome ? certificates : {};
    const trusted = [...(system ?? []), ...ca];
    const tls = { ...own, ...(trusted.length > 0 && { ca: trusted }) } as BunFetchRequestInitTLS;
    return await fetch(sent, { ...init, tls });
  };
}
