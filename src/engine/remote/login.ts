/** Who we are to registries: asked of them, kept, and forgotten. */
import {
  credentialFiles,
  type EntraToken,
  forgetLogin,
  type KeptIn,
  keepLogin,
  type Login,
} from "../../distribution/client/index.ts";
import { parseReference, type RegistryName, type RepositoryName } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { abortOnSignal } from "../run/signals.ts";
import { openClient, type RemoteOptions } from "./access.ts";

/** Asks the registry whether it knows `login`, and keeps it. @throws {RegistryUnauthenticated} it does not */
export type { KeptIn };

export async function logIn(text: string, login: Login, options: RemoteOptions): Promise<KeptIn> {
  using interrupt = abortOnSignal();
  const repository = registryOf(text);
  const credentials = `${login.username}:${login.password}`;
  const client = await openClient(repository, { ...options, access: { ...options.access, credentials } });
  await client.ping(interrupt.signal);
  return await keepLogin(fileOf(options), repository.registry, login);
}

/** Has an Azure registry change `token`, and keeps what it gives for it. @throws {RegistryUnauthenticated} */
export async function logInByEntra(text: string, token: EntraToken, options: RemoteOptions): Promise<KeptIn> {
  using interrupt = abortOnSignal();
  const repository = registryOf(text);
  const client = await openClient(repository, options);
  const identityToken = await client.exchangeEntraToken(token, interrupt.signal);
  return await keepLogin(fileOf(options), repository.registry, { identityToken });
}

/** Forgets who we are to a registry. @returns whether that was known */
export async function logOut(text: string, options: RemoteOptions): Promise<boolean> {
  return await forgetLogin(fileOf(options), registryOf(text).registry);
}

function fileOf({ access, environment }: RemoteOptions): string {
  const [file = ""] = credentialFiles(environment); // docker's own comes first
  return access.authFile ?? file;
}

/** The registry that people write: a host, or an address of old. A repository of it is asked for nothing. */
export function registryOf(text: string): { registry: RegistryName; repository: RepositoryName } {
  const host = text.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  const isHub = host === "docker.io" || host === "index.docker.io" || host === "registry-1.docker.io";
  const { registry, repository } = parseReference(isHub ? "docker.io/library/login" : `${host}/login`);
  if (!isHub && registry === "docker.io")
    throw new InvalidOption(
      { option: "REGISTRY", value: text },
      `Invalid registry ${JSON.stringify(text)}: wants a host, as in registry.example or localhost:5000`,
    );
  return { registry, repository };
}
