/**
 * Keeps credentials where docker keeps them, and forgets them: in the file, or in the helper that the file names. The file is written aside and renamed,
 * and only its owner reads it. Source: docker's config.json; docker login reference.
 */
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { RegistryName } from "../../spec/index.ts";
import { eraseFromHelper, storeInHelper, TOKEN_NAME } from "./credential-helper.ts";
import { InvalidCredentialsFile } from "./credentials.ts";

/** A name and its password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** What is changed for tokens, as `az acr login` keeps it for docker. */
export interface IdentityToken {
  readonly identityToken: string;
}

/** The name beside an identity token of Azure's. Source: Azure documentation, az acr login --expose-token. */
const NOBODY = "00000000-0000-0000-0000-000000000000";

/** Where credentials have been put. */
export type KeptIn =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "helper"; readonly name: string };

interface File {
  auths?: Record<string, object>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
  [field: string]: unknown;
}

/** Keeps `login` for `registry` in the file at `path`, or in its helper. @throws {InvalidCredentialsFile} {CredentialHelperFailed} */
export async function keepLogin(
  path: string,
  registry: RegistryName,
  login: Login | IdentityToken,
): Promise<KeptIn> {
  const file = await read(path);
  const key = serverKey(registry);
  const helper = file.credHelpers?.[key] ?? file.credHelpers?.[registry] ?? file.credsStore;
  if (helper) {
    const secret = "password" in login ? login : { username: TOKEN_NAME, password: login.identityToken };
    await storeInHelper(helper, key, secret);
    // Its empty entry says that somebody is logged in.
    await write(path, { ...file, auths: { ...file.auths, [key]: {} } });
    return { kind: "helper", name: helper };
  }
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const entry =
    "password" in login
      ? { auth: base64(`${login.username}:${login.password}`) }
      : { auth: base64(`${NOBODY}:`), identitytoken: login.identityToken };
  await write(path, { ...file, auths: { ...file.auths, [key]: entry } });
  return { kind: "file", path };
}

/** Forgets what is kept for `registry`. @returns whether something was */
export async function forgetLogin(path: string, registry: RegistryName): Promise<boolean> {
  const file = await read(path);
  const keys = [serverKey(registry), registry].filter((key) => file.auths?.[key] !== undefined);
  if (keys.length === 0) return false;
  for (const key of keys) {
    const helper = file.credHelpers?.[key] ?? file.credsStore;
    if (helper) await eraseFromHelper(helper, key);
  }
  const auths = Object.fromEntries(Object.entries(file.auths ?? {}).filter(([key]) => !keys.includes(key)));
  await write(path, { ...file, auths });
  return true;
}

/** The key of a registry; the Hub's is of old. */
export function serverKey(registry: RegistryName): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

async function read(path: string): Promise<File> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new InvalidCredentialsFile({ path, reason: "it cannot be opened" }, { cause: error });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as File; // its fields are docker's
  } catch {
    // Not kept as a cause: the parser's message quotes what it read.
  }
  throw new InvalidCredentialsFile({ path, reason: "it is no JSON object" });
}

async function write(path: string, file: File): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(aside, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
    await chmod(aside, 0o600);
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}
