/**
 * `docker-daemon:IMAGE`: an image of a docker daemon, by its API: at DOCKER_HOST, or at docker's usual socket. What comes is an archive
 * as `docker save` writes it, in which layers that images share come once.
 * Source: Docker Engine API, ImageList, ImageGet, ImageGetAll; docker's environment variables.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, TeuError, Unsupported } from "../../base/index.ts";
import { InvalidPlace, NoImageInPlace } from "../../image/index.ts";
import { type Environment, isName } from "./place.ts";

const SOCKET = "unix:///var/run/docker.sock";
/** Why fetch had no answer, in words that fit a socket. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there",
  ConnectionRefused: "nobody listens there",
  FailedToOpenSocket: "nobody listens there",
};
const MAX_ERROR_BYTES = 4096;

/** No docker daemon answers there. */
export class DaemonUnavailable extends TeuError<"daemon-unavailable", { host: string; why: string }> {
  constructor(context: { host: string; why: string }, options: { cause: unknown }) {
    super(
      "daemon-unavailable",
      "unavailable",
      context,
      `Cannot ask the docker daemon at ${context.host}: ${context.why}`,
      { ...options, hint: "Start it, or say by DOCKER_HOST where it is" },
    );
  }
}

/** The archive of `names`, as it comes. @throws {NoImageInPlace} @throws {DaemonUnavailable} */
export async function dockerArchive(
  names: readonly string[],
  environment: Environment,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const query = names.map((name) => `names=${encodeURIComponent(name)}`).join("&");
  const response = await ask(`/images/get?${query}`, environment, signal);
  const place = `docker-daemon:${names.join(" ")}`;
  if (response.status === 404)
    throw new NoImageInPlace({ place, available: await dockerNames(environment, signal) });
  await requireOK(response, place);
  if (response.body === null) throw new InvalidPlace({ place, why: "the daemon sent nothing" });
  return response.body;
}

/** The names of all images that have one. */
export async function dockerNames(environment: Environment, signal: AbortSignal): Promise<string[]> {
  const response = await ask("/images/json", environment, signal);
  await requireOK(response, "docker-daemon:");
  const images = (await response.json()) as { RepoTags?: string[] | null }[]; // as the API says
  return images.flatMap(({ RepoTags }) => (RepoTags ?? []).filter(isName)).sort();
}

async function requireOK(response: Response, place: string): Promise<void> {
  if (response.ok) return;
  const text = (await response.text()).slice(0, MAX_ERROR_BYTES);
  let said = text;
  try {
    said = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    // Not the API's form: told as it came.
  }
  throw new InvalidPlace({ place, why: `the daemon says: ${said.trim()} (status ${response.status})` });
}

async function ask(path: string, environment: Environment, signal: AbortSignal): Promise<Response> {
  const host = environment["DOCKER_HOST"] || SOCKET;
  const { base, init } = addressOf(host, environment);
  try {
    return await fetch(`${base}${path}`, { ...init, signal });
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new DaemonUnavailable({ host, why: REASONS[code] ?? messageOf(error) }, { cause: error });
  }
}

function addressOf(host: string, environment: Environment): { base: string; init: BunFetchRequestInit } {
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.+)$/.exec(host) ?? [];
  if (scheme === "unix") return { base: "http://docker", init: { unix: rest } };
  if (["tcp", "http", "https"].includes(scheme)) {
    const isTLS = scheme === "https" || Boolean(environment["DOCKER_TLS_VERIFY"]);
    const base = `${isTLS ? "https" : "http"}://${rest.replace(/\/+$/, "")}`;
    return { base, init: isTLS ? { tls: certificates(environment) } : {} };
  }
  throw new Unsupported(
    { what: `DOCKER_HOST ${JSON.stringify(host)}`, why: "a daemon is asked by unix:// or tcp://" },
    { hint: `On that machine: docker save IMAGE | ssh … teu load` },
  );
}

/** Docker's three files. */
function certificates(environment: Environment): { ca: string; cert: string; key: string } {
  const folder = environment["DOCKER_CERT_PATH"] || join(environment["HOME"] || homedir(), ".docker");
  const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((name) =>
    readFileSync(join(folder, name), "utf8"),
  ) as [string, string, string]; // as many as were named
  return { ca, cert, key };
}
