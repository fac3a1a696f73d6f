/**
 * Credentials from the files that docker, podman and skopeo write at login.
 * Source: docker's config.json; containers-auth.json(5): a key is a host, a legacy URL or a path prefix, longest first;
 * a helper named for the registry wins over what the file holds.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { TeuError } from "../../base/index.ts";
import type { RegistryName, RepositoryName } from "../../spec/index.ts";
import { askHelper } from "./credential-helper.ts";

/** Who we are to a registry. */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, to be changed for an access token. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** A bearer token, sent as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/** Finds the credentials for a repository, or undefined for nobody. Asked only when a registry wants to know. */
export type CredentialSource = (
  registry: RegistryName,
  repository: RepositoryName,
) => Promise<Credentials | undefined>;

/** A credentials file is not what docker writes. Its content is a secret and is not shown. */
export class InvalidCredentialsFile extends TeuError<
  "invalid-credentials-file",
  { path: string; reason: string }
> {
  constructor(context: { path: string; reason: string }, options?: { cause?: unknown }) {
    super(
      "invalid-credentials-file",
      "invalid",
      context,
      `Cannot read credentials from ${JSON.stringify(context.path)}: ${context.reason}`,
      options,
    );
  }
}

/** The files that hold credentials, the first that knows the registry wins. REGISTRY_AUTH_FILE stands for all of them, as in podman. */
export function credentialFiles(environment: Readonly<Record<string, string | undefined>>): string[] {
  const only = environment["REGISTRY_AUTH_FILE"];
  if (only !== undefined && only !== "") return [only];
  const home = environment["HOME"] ?? homedir();
  const runtime = environment["XDG_RUNTIME_DIR"];
  const config = environment["XDG_CONFIG_HOME"] ?? join(home, ".config");
  return [
    join(environment["DOCKER_CONFIG"] ?? join(home, ".docker"), "config.json"),
    ...(runtime === undefined ? [] : [join(runtime, "containers/auth.json")]),
    join(config, "containers/auth.json"),
  ];
}

/** A source that reads `files` anew each time it is asked; a file that is not there is no error. */
export function fileCredentials(files: readonly string[]): CredentialSource {
  return async (registry, repository) => {
    for (const path of files) {
      const file = await readCredentialsFile(path);
      const found = file === undefined ? undefined : await findCredentials(file, path, registry, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

type Json = Record<string, unknown>;

async function readCredentialsFile(path: string): Promise<Json | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw new InvalidCredentialsFile({ path, reason: "it cannot be opened" }, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which is secret: it is not kept as a cause.
    throw new InvalidCredentialsFile({ path, reason: "it is not JSON" });
  }
  if (!isRecord(value)) throw new InvalidCredentialsFile({ path, reason: "it is not an object" });
  return value;
}

async function findCredentials(
  file: Json,
  path: string,
  registry: RegistryName,
  repository: RepositoryName,
): Promise<Credentials | undefined> {
  const helpers = record(file["credHelpers"]);
  const auths = record(file["auths"]);
  for (const key of keysFor(registry, repository)) {
    if (typeof helpers[key] === "string") return await askHelper(helpers[key], key);
    const name = auths[key] === undefined ? Object.keys(auths).find((other) => hostOf(other) === key) : key;
    const entry = name === undefined ? undefined : auths[name];
    if (!isRecord(entry)) continue;
    const found = parseEntry(entry, path, registry);
    if (found !== undefined) return found;
    // An empty entry means: logged in, and the secret lies in the store.
    if (typeof file["credsStore"] === "string") return await askHelper(file["credsStore"], name ?? key);
  }
  return undefined;
}

/** The keys under which a repository's credentials may stand, the most telling first. */
function keysFor(registry: RegistryName, repository: RepositoryName): string[] {
  const keys: string[] = [];
  const whole = `${registry}/${repository}`;
  for (let end = whole.length; end > 0; end = whole.lastIndexOf("/", end - 1)) keys.push(whole.slice(0, end));
  if (registry === "docker.io") keys.push("index.docker.io", "registry-1.docker.io");
  return keys;
}

/** The host of a legacy key, `https://index.docker.io/v1/`; undefined for any other key. */
function hostOf(key: string): string | undefined {
  const url = /^https?:\/\/([^/]+)(?:\/v[12])?\/?$/.exec(key);
  return url?.[1];
}

function parseEntry(entry: Json, path: string, registry: RegistryName): Credentials | undefined {
  const { identitytoken, registrytoken, auth, username, password } = entry;
  if (typeof registrytoken === "string" && registrytoken !== "")
    return { kind: "registry-token", token: registrytoken };
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { kind: "identity-token", token: identitytoken };
  if (typeof auth === "string" && auth !== "") {
    // Some writers pad the password with NUL bytes.
    const plain = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
    const colon = plain.indexOf(":");
    if (colon < 1)
      throw new InvalidCredentialsFile({
        path,
        reason: `the entry for ${registry} is not base64 of user:password`,
      });
    return { kind: "basic", username: plain.slice(0, colon), password: plain.slice(colon + 1) };
  }
  if (typeof username === "string" && username !== "" && typeof password === "string")
    return { kind: "basic", username, password };
  return undefined;
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
