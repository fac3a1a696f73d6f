/**
 * Which certificates count for a registry, and which one is ours. Those of a folder come beside the system's.
 * Source: docker documentation, certs.d; containers-certs.d(5).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { InvalidConfiguration } from "./toml.ts";

/** As `fetch` takes them, in PEM. */
export interface Certificates {
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Those of the folders of docker, podman and the user for `registry`, or of the one `folder` that a person named. @throws {InvalidConfiguration} */
export function readCertificates(registry: string, environment: Environment, folder?: string): Certificates {
  if (folder !== undefined && !existsSync(folder))
    throw new InvalidConfiguration({ path: folder, reason: "there is no such folder of certificates" });
  const home =
    environment["XDG_CONFIG_HOME"] ||
    (environment["HOME"] ? join(environment["HOME"], ".config") : undefined);
  const roots = [
    "/etc/docker/certs.d",
    "/etc/containers/certs.d",
    ...(home === undefined ? [] : [join(home, "containers/certs.d")]),
  ];
  const all = folder === undefined ? roots.map((root) => join(root, registry)) : [folder];
  const found = all.filter((path) => existsSync(path));
  const files = found.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const ca = files.filter((path) => path.endsWith(".crt")).map(read);
  const certificate = files.find((path) => path.endsWith(".cert"));
  if (certificate === undefined) return ca.length > 0 ? { ca } : {};
  const key = certificate.replace(/\.cert$/, ".key");
  if (!existsSync(key))
    throw new InvalidConfiguration({
      path: certificate,
      reason: `its key ${JSON.stringify(key)} is missing`,
    });
  return { ...(ca.length > 0 && { ca }), cert: read(certificate), key: read(key) };
}

/** Those that a file names, relative to its own folder. */
export function certificatesOf({
  directory,
  ca,
  client,
  isUnverified,
}: {
  readonly directory: string;
  readonly ca: readonly string[];
  readonly client: readonly (readonly [certificate: string, key: string])[];
  readonly isUnverified: boolean;
}): Certificates {
  const at = (path: string) => (isAbsolute(path) ? path : join(directory, path));
  const [pair] = client;
  return {
    ...(ca.length > 0 && { ca: ca.map((path) => read(at(path))) }),
    ...(pair !== undefined && { cert: read(at(pair[0])), key: read(at(pair[1])) }),
    ...(isUnverified && { rejectUnauthorized: false }),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new InvalidConfiguration({
      path,
      reason: (error as NodeJS.ErrnoException).code ?? "it cannot be read",
    });
  }
}

/** Where systems keep what they trust: Debian, Fedora, SUSE, Alpine. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** What the machine trusts, or SSL_CERT_FILE and SSL_CERT_DIR say instead; undefined: only what Bun brings. */
export function systemCertificates(environment: Environment): readonly string[] | undefined {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = environment;
  const bundle = file || BUNDLES.find((path) => existsSync(path));
  const all = bundle !== undefined && existsSync(bundle) ? [readFileSync(bundle, "utf8")] : [];
  for (const folder of folders ? folders.split(":") : [])
    if (existsSync(folder))
      for (const name of readdirSync(folder))
        if (/\.(pem|crt)$/.test(name)) all.push(readFileSync(join(folder, name), "utf8"));
  return all.length > 0 ? all : undefined;
}
