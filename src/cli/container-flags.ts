/** The flags by which a container is asked for, and what they mean. Docker's. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Flags, type ParsedArguments, Unsupported } from "../base/index.ts";
import {
  type ContainerRequest,
  DEFAULT_CAPABILITIES,
  DEFAULT_NETWORK,
  HOST_GATEWAY,
  InvalidOption,
  type PublishedPort,
  parseAssignments,
  parseCapabilities,
  parseCPUs,
  parseEnvironment,
  parseEnvironmentFile,
  parseHost,
  parseMemory,
  parseMount,
  parseName,
  parseNetworks,
  parsePublish,
  parseResolver,
  parseRestartPolicy,
  parseSignal,
  parseSize,
  parseTmpfs,
  parseUlimit,
  parseVolume,
  parseVolumesFrom,
} from "../engine/index.ts";
import { CAPABILITY_NAMES } from "../runtime/index.ts";

/** What a command that makes a container takes, beside how it gets the image. */
export const CONTAINER_FLAGS = {
  rm: { kind: "boolean", summary: "Remove the container when it has ended" },
  restart: {
    kind: "string",
    value: "POLICY",
    summary: "Start it again: always, unless-stopped, on-failure[:ATTEMPTS]; with -d",
    default: "no",
  },
  name: { kind: "string", value: "NAME", summary: "Call the container so" },
  env: {
    kind: "list",
    short: "e",
    value: "NAME[=VALUE]",
    summary: "Set an environment variable; without value: ours",
  },
  "env-file": { kind: "list", value: "FILE", summary: "Set those that a file lists" },
  workdir: { kind: "string", short: "w", value: "DIR", summary: "Working directory" },
  user: { kind: "string", short: "u", value: "USER[:GROUP]", summary: "User, by name or number" },
  volume: {
    kind: "list",
    short: "v",
    value: "[SOURCE:]DIR[:ro]",
    summary: "Show a host directory or file, or a volume, by its name",
  },
  mount: {
    kind: "list",
    value: "FIELDS",
    summary: "The same by fields: type=bind|volume|tmpfs,source=…,target=…,readonly",
  },
  "volumes-from": {
    kind: "list",
    value: "CONTAINER[:ro]",
    summary: "Show what another container has of the host, and its volumes",
  },
  hostname: { kind: "string", value: "NAME", summary: "The container's own host name" },
  memory: {
    kind: "string",
    short: "m",
    value: "SIZE",
    summary: "Limit memory: 64m, 1g; as much swap again",
  },
  cpus: { kind: "string", value: "NUMBER", summary: "Limit processor time: 1.5 of them" },
  "pids-limit": { kind: "integer", value: "NUMBER", summary: "Limit the number of processes; -1: none" },
  "read-only": { kind: "boolean", summary: "Let nobody write to the root file system" },
  entrypoint: { kind: "string", value: "PROGRAM", summary: "Run this instead of the image's entrypoint" },
  network: {
    kind: "list",
    value: "NAME|none|host|container:NAME",
    summary: "Network, or several, with what it is there: name=NAME,alias=NAME,ip=ADDRESS",
    aliases: ["net"],
  },
  "network-alias": {
    kind: "list",
    value: "NAME",
    summary: "A further name in the first network",
    aliases: ["net-alias"],
  },
  ip: { kind: "string", value: "ADDRESS", summary: "Its address in the first network" },
  tmpfs: { kind: "list", value: "DIR[:OPTIONS]", summary: "A file system in memory there" },
  "shm-size": { kind: "string", value: "SIZE", summary: "Size of /dev/shm (64m)" },
  "cap-add": { kind: "list", value: "CAPABILITY", summary: "Give root a capability more; ALL: every one" },
  "cap-drop": { kind: "list", value: "CAPABILITY", summary: "Take one from root; ALL: every one" },
  "security-opt": {
    kind: "list",
    value: "OPTION",
    summary: "no-new-privileges, or seccomp=unconfined",
  },
  ulimit: { kind: "list", value: "NAME=SOFT[:HARD]", summary: "Limit a resource of the process" },
  sysctl: {
    kind: "list",
    value: "NAME=VALUE",
    summary: "Set one of the container's own kernel parameters",
  },
  "oom-score-adj": {
    kind: "integer",
    value: "NUMBER",
    summary: "-1000 to 1000: the rather to be killed",
  },
  pid: {
    kind: "string",
    value: "host|container:NAME",
    summary: "Share the host's processes, or another container's",
  },
  ipc: { kind: "string", value: "private|host", summary: "Share the host's shared memory" },
  uts: { kind: "string", value: "host", summary: "Share the host's name" },
  "add-host": {
    kind: "list",
    value: "NAME:ADDRESS",
    summary: "Add a line to /etc/hosts; host-gateway: this machine",
  },
  dns: { kind: "list", value: "ADDRESS", summary: "Ask this resolver, not the host's" },
  label: { kind: "list", short: "l", value: "NAME[=VALUE]", summary: "Note something about the container" },
  "stop-signal": {
    kind: "string",
    value: "SIGNAL",
    summary: "What 'teu stop' sends (the image's, or TERM)",
  },
  publish: {
    kind: "list",
    short: "p",
    value: "[ADDRESS:][HOSTPORT:]PORT[/PROTOCOL]",
    summary: "Lead a port of this machine to one of the container's",
  },
  init: {
    kind: "boolean",
    summary: "Let PID 1 be a program that hands signals on and waits for what others leave",
  },
  interactive: { kind: "boolean", short: "i", summary: "Give the program our input" },
  tty: { kind: "boolean", short: "t", summary: "Give the program a terminal" },
  runtime: { kind: "string", value: "PATH", summary: "Let another OCI runtime do it: /usr/sbin/runc" },
} as const satisfies Flags;

/** The container that the flags ask for. @param words  The command line after the image. @throws {InvalidOption} {InvalidSignal} {Unsupported} */
export function containerRequest(
  flags: ParsedArguments<typeof CONTAINER_FLAGS>["flags"],
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ContainerRequest {
  const { runtime, user } = flags;
  const name = flags.name === undefined ? undefined : parseName(flags.name);
  const restart = parseRestartPolicy(flags.restart);
  if (restart !== undefined && flags.rm)
    throw new InvalidOption(
      { option: "--restart", value: flags.restart },
      "Conflicting options: --restart and --rm",
    );
  const mounts = flags.mount.map(parseMount);
  const volumes = [...flags.volume.map(parseVolume), ...mounts.filter((mount) => mount.kind !== "tmpfs")];
  const { network, attachments } = parseNetworks({
    networks: flags.network.length > 0 ? flags.network : [DEFAULT_NETWORK],
    aliases: flags["network-alias"],
    address: flags.ip,
  });
  const security = parseSecurity(flags["security-opt"]);
  return {
    options: {
      command: words,
      environment: parseEnvironment(
        [...flags["env-file"].flatMap(readEnvironmentFile), ...flags.env],
        environment,
      ),
      volumes: volumes.filter((volume) => volume.kind === "bind"),
      isReadonly: flags["read-only"],
      network,
      terminal: flags.tty,
      capabilities: parseCapabilities(
        DEFAULT_CAPABILITIES,
        { add: flags["cap-add"], drop: flags["cap-drop"] },
        CAPABILITY_NAMES,
      ),
      noNewPrivileges: security.noNewPrivileges,
      tmpfs: [
        ...flags.tmpfs.map(parseTmpfs),
        ...mounts.flatMap((mount) => (mount.kind === "tmpfs" ? [mount.tmpfs] : [])),
      ],
      rlimits: flags.ulimit.map(parseUlimit),
      sysctl: parseAssignments("--sysctl", flags.sysctl, true),
      shared: sharedNamespaces({ pid: flags.pid, ipc: flags.ipc, uts: flags.uts }),
      ...given({
        shmBytes: flags["shm-size"] === undefined ? undefined : parseSize(flags["shm-size"], "--shm-size"),
        oomScoreAdj: flags["oom-score-adj"],
        entrypoint: flags.entrypoint,
        workingDirectory: flags.workdir || undefined,
        hostname: flags.hostname,
        memoryBytes: flags.memory === undefined ? undefined : parseMemory(flags.memory),
        cpu: flags.cpus === undefined ? undefined : parseCPUs(flags.cpus, availableParallelism()),
        pidsLimit: flags["pids-limit"],
      }),
    },
    volumes: volumes.filter((volume) => volume.kind === "volume"),
    volumesFrom: flags["volumes-from"].map(parseVolumesFrom),
    networks: attachments,
    joins: joinsOf(network, flags),
    ports: portsOf(flags.publish, network),
    labels: parseAssignments("--label", flags.label, false),
    hosts: hostsOf(flags["add-host"], network),
    resolvers: flags.dns.map(parseResolver),
    isUnconfined: security.isUnconfined,
    autoRemove: flags.rm,
    hasInit: flags.init,
    interactive: flags.interactive,
    ...given({
      name,
      user,
      runtime,
      restart,
      stopSignal: checkedSignal(flags["stop-signal"]),
    }),
  };
}

/** Without the keys that hold nothing. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  }; // the filter leaves out exactly what the type leaves out
}

/** Kept as it is said, if it is a signal; an empty text leaves it to the image. @throws {InvalidSignal} */
function checkedSignal(text: string | undefined): string | undefined {
  if (text !== undefined && text !== "") parseSignal(text);
  return text || undefined;
}

function readEnvironmentFile(path: string): string[] {
  return parseEnvironmentFile(readFileSync(path, "utf8"));
}

/** @throws {Unsupported} {InvalidOption} */
function parseSecurity(options: readonly string[]): { noNewPrivileges: boolean; isUnconfined: boolean } {
  let [noNewPrivileges, isUnconfined] = [false, false];
  for (const option of options) {
    const [name = "", value = "true"] = option.split(/[=:](.*)/s);
    if (name === "no-new-privileges" && (value === "true" || value === "false"))
      noNewPrivileges = value === "true";
    else if (option === "seccomp=unconfined" || option === "seccomp:unconfined") isUnconfined = true;
    else if (["seccomp", "apparmor", "label", "systempaths", "writable-cgroups"].includes(name))
      throw new Unsupported({
        what: `--security-opt ${option}`,
        why: "only no-new-privileges and seccomp=unconfined are built yet",
      });
    else
      throw new InvalidOption(
        { option: "--security-opt", value: option },
        `invalid --security-opt: ${JSON.stringify(option)}`,
      );
  }
  return { noNewPrivileges, isUnconfined };
}

/** Which namespaces are the host's. @throws {Unsupported} for another container's */
function sharedNamespaces(
  words: Readonly<Record<"pid" | "ipc" | "uts", string | undefined>>,
): ("pid" | "ipc" | "uts")[] {
  return (["pid", "ipc", "uts"] as const).filter((type) => {
    const word = words[type];
    if (type === "pid" && containerIn(word ?? "") !== undefined) return false;
    if (word === "host" || word === undefined || word === "" || word === "private") return word === "host";
    throw new Unsupported({ what: `--${type} ${word}`, why: "only the host's namespace can be shared yet" });
  });
}

/** The containers whose namespaces are meant. @throws {InvalidOption} what the other container has a say in, in docker's words */
function joinsOf(
  network: string,
  flags: Pick<
    ParsedArguments<typeof CONTAINER_FLAGS>["flags"],
    "pid" | "hostname" | "publish" | "add-host" | "dns"
  >,
): ContainerRequest["joins"] {
  const other = containerIn(network);
  const conflicts = [
    ["hostname", flags.hostname !== undefined],
    ["port publishing", flags.publish.length > 0],
    ["custom host-to-IP mapping", flags["add-host"].length > 0],
    ["dns", flags.dns.length > 0],
  ] as const;
  for (const [what, isAsked] of other === undefined ? [] : conflicts)
    if (isAsked)
      throw new InvalidOption(
        { option: "--network", value: network },
        `conflicting options: ${what} and the container type network mode`,
      );
  return given({ network: other, pid: containerIn(flags.pid ?? "") });
}

/** `container:web` → `web`. */
function containerIn(word: string): string | undefined {
  return /^container:(.+)$/.exec(word)?.[1];
}

/** @throws {InvalidOption} {Unsupported} */
function hostsOf(texts: readonly string[], network: string): ContainerRequest["hosts"] {
  const hosts = texts.map(parseHost);
  if (hosts.some(({ address }) => address === HOST_GATEWAY) && (network === "none" || network === "host"))
    throw new Unsupported({
      what: `--add-host with ${HOST_GATEWAY} and --network ${network}`,
      why: "it has no gateway",
    });
  return hosts;
}

function portsOf(texts: readonly string[], network: string): PublishedPort[] {
  if (texts.length > 0 && (network === "none" || network === "host"))
    throw new InvalidOption(
      { option: "--publish", value: texts.join(" ") },
      `Cannot publish ports with --network ${network}: ${network === "host" ? "the container's ports are the host's" : "the container has no network"}`,
    );
  return texts.flatMap(parsePublish);
}
