/** How one side of a copy speaks to its registry: who we are there, whether its certificate counts, how patiently. */
import {
  type CredentialSource,
  credentialFiles,
  DEFAULT_RETRY,
  type Fetch,
  fileCredentials,
  RegistryClient,
  type RegistryClientOptions,
} from "../../distribution/client/index.ts";
import type { RegistryName, RepositoryName } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";

/** What people may say of a registry; everything may be left out. */
export interface RegistryAccess {
  /** False: any certificate will do, and so does plain http. */
  readonly isTLSVerified?: boolean | undefined;
  /** `NAME:PASSWORD`. */
  readonly credentials?: string | undefined;
  readonly hasNoCredentials?: boolean | undefined;
  /** A bearer token, sent as it is. */
  readonly token?: string | undefined;
  /** The one file of credentials to read; absent: those of docker and podman. */
  readonly authFile?: string | undefined;
  /** Attempts after the first. */
  readonly retries?: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A client of a repository, by what was said of its registry. @throws {InvalidOption} */
export async function openClient(
  repository: { readonly registry: RegistryName; readonly repository: RepositoryName },
  access: RegistryAccess,
  environment: Environment,
  options: RegistryClientOptions = {},
): Promise<RegistryClient> {
  const { retries } = access;
  if (retries !== undefined && retries < 0)
    throw new InvalidOption(
      { option: "--retry", value: `${retries}` },
      `Invalid number of retries ${retries}: wants 0 or more`,
    );
  return new RegistryClient(repository, {
    ...options,
    credentials: credentialsOf(access, environment),
    ...(retries !== undefined && { retry: { ...DEFAULT_RETRY, attempts: retries + 1 } }),
    ...(access.isTLSVerified === false && (await unverified(repository.registry))),
  });
}

function credentialsOf(
  { credentials, hasNoCredentials, token, authFile }: RegistryAccess,
  environment: Environment,
): CredentialSource {
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

const PROBE_MS = 10_000;

/** As skopeo has it: https whoever answers, and http where nobody answers that. */
async function unverified(
  registry: RegistryName,
): Promise<Pick<RegistryClientOptions, "fetch" | "insecure">> {
  try {
    await anyCertificate(
      new Request(`https://${registry}/v2/`, { redirect: "manual", signal: AbortSignal.timeout(PROBE_MS) }),
    );
    return { fetch: anyCertificate };
  } catch {
    // Whatever is wrong shows again, with all its circumstances, when something is asked for.
    return { insecure: true };
  }
}

const anyCertificate: Fetch = (request) => fetch(request, { tls: { rejectUnauthorized: false } });
