/** How we speak to a registry: who we are there, whether its certificate counts, how patiently. */
import { printError } from "../../base/index.ts";
import {
  type CredentialSource,
  credentialFiles,
  DEFAULT_RETRY,
  type Fetch,
  fileCredentials,
  RegistryClient,
  type RegistryClientOptions,
} from "../../distribution/client/index.ts";
import { parseReference, type Reference, type RegistryName, type RepositoryName } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import type { Endpoint } from "../registries/endpoints.ts";
import { abortOnSignal } from "../run/signals.ts";

/** What people may say of a registry; everything may be left out. */
export interface RegistryAccess {
  /** False: any certificate will do, and so does plain http. */
  readonly isTLSVerified?: boolean | undefined;
  /** Plain http. */
  readonly isInsecure?: boolean | undefined;
  /** `NAME:PASSWORD`. */
  readonly credentials?: string | undefined;
  readonly hasNoCredentials?: boolean | undefined;
  /** A bearer token, sent as it is. */
  readonly token?: string | undefined;
  /** The one file of credentials to read; absent: those of docker and podman. */
  readonly authFile?: string | undefined;
  /** The folder of its certificates and of ours; absent: those that this machine keeps for it. */
  readonly certificates?: string | undefined;
  /** Attempts after the first. */
  readonly retries?: number | undefined;
}

/** What was said of a registry, and where else to look. */
export interface RemoteOptions {
  readonly access: RegistryAccess;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A client of a repository, by what was said of its registry. @throws {InvalidOption} */
export async function openClient(
  repository: { readonly registry: RegistryName; readonly repository: RepositoryName },
  options: RemoteOptions,
  more: RegistryClientOptions = {},
): Promise<RegistryClient> {
  return await openHome(repository, options, "push", more);
}

/** What an image is read from: its mirrors in the order in which they are tried, each by what is kept for it, and the registry itself. */
export interface Places {
  readonly mirrors: readonly RegistryClient[];
  readonly home: RegistryClient;
}

/** Clients of all places where `reference` may be read. @throws {InvalidOption} {RegistryBlocked} */
export async function openPlaces(
  reference: Pick<Reference, "registry" | "repository" | "digest">,
  options: RemoteOptions,
): Promise<Places> {
  const { endpointsOf } = await import("../registries/endpoints.ts");
  const { isInsecure = false } = options.access;
  const wish = { action: "pull" as const, isInsecure, environment: options.environment };
  const mirrors = endpointsOf(reference, wish).filter(({ isMirror }) => isMirror);
  const credentials = fileCredentials(credentialFiles(options.environment));
  return {
    mirrors: mirrors.map(
      ({ repository, options: own }) =>
        new RegistryClient(repository, {
          onWarning: tellOnce(repository.registry),
          ...own,
          credentials,
          retry: { ...DEFAULT_RETRY, attempts: 1 },
        }),
    ),
    home: await openHome(reference, options, "pull"),
  };
}

/** A client of the registry itself, no mirror of it. @throws {InvalidOption} {RegistryBlocked} */
export async function openHome(
  repository: { readonly registry: RegistryName; readonly repository: RepositoryName },
  options: RemoteOptions,
  action: "pull" | "push",
  more: RegistryClientOptions = {},
): Promise<RegistryClient> {
  const { isInsecure = false, isTLSVerified, retries, certificates } = options.access;
  if (retries !== undefined && retries < 0)
    throw new InvalidOption(
      { option: "--retry", value: `${retries}` },
      `Invalid number of retries ${retries}: wants 0 or more`,
    );
  const { endpointsOf } = await import("../registries/endpoints.ts");
  const wish = { action, isInsecure, certificates, environment: options.environment };
  const home = endpointsOf(repository, wish).at(-1) as Endpoint; // there is always one
  return new RegistryClient(home.repository, {
    onWarning: tellOnce(repository.registry),
    ...more,
    ...home.options,
    credentials: credentialsOf(options),
    ...(retries !== undefined && { retry: { ...DEFAULT_RETRY, attempts: retries + 1 } }),
    ...(isTLSVerified === false && !isInsecure && (await unverified(repository.registry))),
  });
}

/** One operation on what `text` names at its registry; a signal to us ends it. @throws {InvalidReference} */
export async function atRegistry<T>(
  text: string,
  options: RemoteOptions,
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  using interrupt = abortOnSignal();
  const reference = parseReference(text);
  return await work({
    text,
    reference,
    client: await openClient(reference, options),
    signal: interrupt.signal,
  });
}

/** What a text names, and who asks for it. */
export interface Remote {
  /** As a person wrote it. */
  readonly text: string;
  readonly reference: Reference;
  readonly client: RegistryClient;
  readonly signal: AbortSignal;
}

function credentialsOf({ access, environment }: RemoteOptions): CredentialSource {
  const { credentials, hasNoCredentials, token, authFile } = access;
  if (hasNoCredentials) return async () => undefined;
  if (token !== undefined) return async () => ({ kind: "registry-token", token });
  if (credentials === undefined)
    return fileCredentials(authFile === undefined ? credentialFiles(environment) : [authFile]);
  const colon = credentials.indexOf(":");
  if (colon < 1)
    throw new InvalidOption({ option: "--creds", value: "" }, "Invalid credentials: wants NAME:PASSWORD");
  const [username, password] = [credentials.slice(0, colon), credentials.slice(colon + 1)];
  return async () => ({ kind: "basic", username, password });
}

/** What was told, by registry: each of an image's blobs may come with the same words. */
const TOLD = new Set<string>();

function tellOnce(registry: RegistryName): (text: string) => void {
  return (text) => {
    const line = `WARNING: ${registry}: ${text}\n`;
    if (!TOLD.has(line)) printError(line);
    TOLD.add(line);
  };
}

const PROBE_MS = 10_000;

/** As skopeo has it: https whoever answers, and http where nobody answers that. */
async function unverified(
  registry: RegistryName,
): Promise<Pick<RegistryClientOptions, "fetch" | "insecure" | "secure">> {
  try {
    await anyCertificate(
      new Request(`https://${registry}/v2/`, { redirect: "manual", signal: AbortSignal.timeout(PROBE_MS) }),
    );
    return { fetch: anyCertificate, secure: true }; // also on this machine, where http is spoken otherwise
  } catch {
    // Whatever is wrong shows again, with all its circumstances, when something is asked for.
    return { insecure: true };
  }
}

const anyCertificate: Fetch = (request) => fetch(request, { tls: { rejectUnauthorized: false } });
