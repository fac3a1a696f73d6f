/** What is asked of a registry and not of the store. */
import {
  credentialFiles,
  forgetLogin,
  type KeptIn,
  keepLogin,
  type Login,
  RegistryClient,
} from "../distribution/client/index.ts";
import { parseReference, type RegistryName } from "../spec/index.ts";
import { InvalidOption } from "./options/error.ts";
import { abortOnSignal } from "./run/signals.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Asks the registry whether it knows `login`, and keeps it. @throws {RegistryUnauthenticated} it does not */
export async function logIn(
  text: string,
  login: Login,
  { isInsecure, environment }: { readonly isInsecure: boolean; readonly environment: Environment },
): Promise<KeptIn> {
  using interrupt = abortOnSignal();
  const { registry, repository } = registryOf(text);
  const credentials = async () => ({ kind: "basic", ...login }) as const;
  await new RegistryClient({ registry, repository }, { insecure: isInsecure, credentials }).ping(
    interrupt.signal,
  );
  return await keepLogin(fileOf(environment), registry, login);
}

/** Forgets who we are to a registry. @returns whether that was known */
export async function logOut(text: string, environment: Environment): Promise<boolean> {
  return await forgetLogin(fileOf(environment), registryOf(text).registry);
}

/** The tags of a repository. */
export async function* listRemoteTags(
  text: string,
  { isInsecure }: { readonly isInsecure: boolean },
): AsyncGenerator<string> {
  using interrupt = abortOnSignal();
  yield* new RegistryClient(parseReference(text), { insecure: isInsecure }).tags(interrupt.signal);
}

function fileOf(environment: Environment): string {
  const [file = ""] = credentialFiles(environment); // docker's own comes first
  return file;
}

/** The registry that people write: a host, or an address of old. A repository of it is asked for nothing. */
function registryOf(text: string): {
  registry: RegistryName;
  repository: ReturnType<typeof parseReference>["repository"];
} {
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
