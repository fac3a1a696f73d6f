/**
 * What tells docker and podman to work on another machine: variables, docker's contexts, flags before the command. teu has no daemon to be asked
 * from afar: who has them set and types teu for docker is told so, and nothing that was meant for another machine is done to this one.
 * Source: docker context reference; docker/cli command/cli.go, resolveContextName; podman(1), CONTAINER_HOST.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Unsupported } from "../base/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const WHY = "teu has no daemon that could be asked from afar, and works on this machine alone";

/** Commands that docker or podman do in their daemon; of groups that are teu's too, docker's words. */
const ENGINE_COMMANDS: Readonly<Record<string, string | true>> = {
  ...Object.fromEntries(
    "attach commit container cp create diff events exec export healthcheck history images import info inspect kill load logs network pause port ps pull push rename restart rm rmi run save start stats stop tag top unpause update volume wait"
      .split(" ")
      .map((word) => [word, true] as const),
  ),
  image: "history import inspect load ls list prune pull push rm save tag",
  system: "df events info prune",
};

/** Docker's and podman's flags that come before a command; and whether each has a value. */
const FLAGS: Readonly<Record<string, { readonly why?: string; readonly isSwitch?: true }>> = {
  ...Object.fromEntries(
    ["-H", "--host", "-c", "--context", "--connection", "--url", "--identity"].map((flag) => [flag, {}]),
  ),
  ...Object.fromEntries(["-r", "--remote"].map((flag) => [flag, { isSwitch: true }])),
  ...Object.fromEntries(["--tls", "--tlsverify"].map((flag) => [flag, { isSwitch: true }])),
  ...Object.fromEntries(["--tlscacert", "--tlscert", "--tlskey"].map((flag) => [flag, {}])),
  "--config": { why: "DOCKER_CONFIG names the folder of config.json" },
  "-D": { why: "'teu run --trace' shows each step", isSwitch: true },
  "--debug": { why: "'teu run --trace' shows each step", isSwitch: true },
  "-l": { why: "'teu run --trace' shows each step" },
  "--log-level": { why: "'teu run --trace' shows each step" },
  "--root": { why: "TEU_ROOT and TEU_RUN choose a store" },
  "--runroot": { why: "TEU_ROOT and TEU_RUN choose a store" },
};

/** What to say of `words` where the first is a flag of docker's or podman's. */
export function foreignFlag(words: readonly string[]): Unsupported | undefined {
  const [first = "", second = ""] = words;
  const [, long, short] = /^(--[a-z-]+)|^(-[A-Za-z])/.exec(first) ?? [];
  const flag = long ?? short ?? "";
  const known = Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined;
  if (known === undefined) return undefined;
  if (known.why !== undefined)
    return new Unsupported({ what: `flag ${flag} before a command`, why: known.why });
  const attached = first.slice(flag.length).replace(/^=/, "");
  const isApart = attached === "" && known.isSwitch !== true;
  const value = isApart ? second : attached;
  const command = words.slice(isApart ? 2 : 1);
  return new Unsupported(
    { what: `flag ${flag} before a command`, why: WHY },
    { hint: hintFor(value, command, "leave it out") },
  );
}

/**
 * What to say of `words` where the caller's docker or podman would do them on another machine. TEU_ROOT names a store of this one, and with
 * it nothing is said.
 */
export function elsewhere(words: readonly string[], environment: Environment): Unsupported | undefined {
  const [first = "", second = ""] = words;
  const known = Object.hasOwn(ENGINE_COMMANDS, first) ? ENGINE_COMMANDS[first] : undefined;
  if (known === undefined || (known !== true && !known.split(" ").includes(second))) return undefined;
  // Of another engine: it is asked where docker would ask.
  if (first === "import" && words.some((word) => /^--from(=|$)/.test(word))) return undefined;
  const found = chosen(environment);
  if (found === undefined) return undefined;
  const { what, host, undo } = found;
  const hint = hintFor(host, words, `${undo}, or set TEU_ROOT`);
  return new Unsupported({ what, why: WHY }, { hint });
}

interface Chosen {
  readonly what: string;
  /** Where it is; "": nobody knows. */
  readonly host: string;
  /** What undoes the choice. */
  readonly undo: string;
}

/** What chooses another machine, in docker's order. */
function chosen(environment: Environment): Chosen | undefined {
  for (const name of ["DOCKER_HOST", "CONTAINER_HOST"]) {
    const host = environment[name] ?? "";
    if (!isHere(host)) return { what: `${name}=${withoutSecret(host)}`, host, undo: `unset ${name}` };
  }
  const connection = environment["CONTAINER_CONNECTION"];
  if (connection)
    return { what: `CONTAINER_CONNECTION=${connection}`, host: "", undo: "unset CONTAINER_CONNECTION" };
  if (environment["DOCKER_HOST"]) return undefined;
  const folder = dockerFolder(environment);
  const context = environment["DOCKER_CONTEXT"];
  if (context) {
    // Docker, too, refuses one that is not there.
    const host = context === "default" ? "" : hostOf(folder, context);
    return isHere(host ?? "unknown://")
      ? undefined
      : { what: `DOCKER_CONTEXT=${context}`, host: host ?? "", undo: "unset DOCKER_CONTEXT" };
  }
  const current = stringIn(readJson(join(folder, "config.json")), "currentContext");
  const host = current === "" ? "" : (hostOf(folder, current) ?? "");
  return isHere(host)
    ? undefined
    : { what: `docker's context ${JSON.stringify(current)}`, host, undo: "'docker context use default'" };
}

/** Where docker keeps what it is told. */
function dockerFolder(environment: Environment): string {
  return environment["DOCKER_CONFIG"] || join(environment["HOME"] ?? "/", ".docker");
}

/** Whether a daemon at `host` is one of this machine. "": docker's own. */
function isHere(host: string): boolean {
  return host === "" || /^(unix|fd|npipe):/.test(host) || host.startsWith("/");
}

/** Where `context` leads; undefined: there is no such context. */
function hostOf(folder: string, context: string): string | undefined {
  const name = new Bun.CryptoHasher("sha256").update(context).digest("hex");
  const document = readJson(join(folder, "contexts/meta", name, "meta.json"));
  if (document === undefined) return undefined;
  return stringIn(document, "Endpoints", "docker", "Host");
}

/** Undefined: it is not there, or no JSON, which is docker's to tell. */
function readJson(path: string): unknown {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** The text at the end of `keys`; "": there is none. */
function stringIn(document: unknown, ...keys: readonly string[]): string {
  let value = document;
  for (const key of keys)
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? value : "";
}

function withoutSecret(host: string): string {
  return host.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/, "$1:***@");
}

/** @param undo  What to do to work here. */
function hintFor(host: string, [command = ""]: readonly string[], undo: string): string {
  const url = host.startsWith("ssh://") ? URL.parse(host) : null;
  const port = url === null || url.port === "" ? "" : `-p ${url.port} `;
  const user = url === null || url.username === "" ? "" : `${url.username}@`;
  const there =
    url === null ? "Run teu there" : `Run it there: ssh ${port}${user}${url.hostname} teu ${command} …`;
  return `${there}; or ${undo}, to work on this machine`;
}
