/** The flags by which a container is asked for, and what they mean. Docker's. */
import { type Flags, type ParsedArguments, Unsupported } from "../base/index.ts";
import {
  askedWords,
  bindShape,
  type ContainerRequest,
  DEFAULT_NETWORK,
  HOST_GATEWAY,
  InvalidOption,
  mountShape,
  type PublishedPort,
  parseAssignments,
  parseEnvironment,
  parseExposed,
  parseHost,
  parseHostname,
  parseLink,
  parseLog,
  parseMount,
  parseName,
  parseNetworks,
  parseParameters,
  parsePublish,
  parseResolver,
  parseResolverOption,
  parseRestartPolicy,
  parseSearchDomain,
  parseSignal,
  parseSize,
  parseStorage,
  parseTmpfs,
  parseUlimit,
  parseUsers,
  parseVolume,
  parseVolumesFrom,
} from "../engine/index.ts";
import { FOREIGN_FLAGS, refuseConflicts, refuseForeign } from "./flag-checks.ts";
import { HEALTH_FLAGS, healthOf } from "./health-flags.ts";
import { readLines } from "./read-lines.ts";
import { RESOURCE_FLAGS, resourcesOf } from "./resource-flags.ts";
import { SECURITY_FLAGS, securityOf } from "./security-flags.ts";

/** What a command that makes a container takes, beside how it gets the image. */
export const CONTAINER_FLAGS = {
  rm: { kind: "boolean", summary: "Remove the container when it has ended" },
  restart: {
    kind: "string",
    value: "POLICY",
    summary: "Start it again: always, unless-stopped, on-failure[:ATTEMPTS]",
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
    summary: "The same by fields: type=bind|volume|image|tmpfs,source=…,target=…,readonly",
  },
  "volumes-from": {
    kind: "list",
    value: "CONTAINER[:ro]",
    summary: "Show what another container has of the host, and its volumes",
  },
  hostname: { kind: "string", short: "h", value: "NAME", summary: "The container's own host name" },
  domainname: { kind: "string", value: "NAME", summary: "Its NIS domain" },
  ...RESOURCE_FLAGS,
  "cgroup-parent": { kind: "string", value: "PATH", summary: "Put its cgroups below this one" },
  cgroupns: { kind: "string", value: "private|host", summary: "Share the host's view of cgroups" },
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
  ip6: { kind: "string", value: "ADDRESS", summary: "Its IPv6 address in the first network" },
  tmpfs: { kind: "list", value: "DIR[:OPTIONS]", summary: "A file system in memory there" },
  "shm-size": { kind: "string", value: "SIZE", summary: "Size of /dev/shm (64m)" },
  "storage-opt": {
    kind: "list",
    value: "size=SIZE",
    summary: "Limit what it writes beside its volumes, by quotas of projects",
  },
  ...SECURITY_FLAGS,
  "group-add": { kind: "list", value: "GROUP", summary: "A further group of the program, by name or number" },
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
  ipc: {
    kind: "string",
    value: "private|shareable|none|host|container:NAME",
    summary: "Share memory with the host or another container, or let others share it",
  },
  userns: {
    kind: "string",
    value: "auto|private|host|container:NAME",
    summary: "Whose ids its users have here (host); auto, auto:size=N: nobody else's",
  },
  uidmap: {
    kind: "list",
    value: "CONTAINER:HOST[:SIZE]",
    summary: "Users that are others on this machine (--userns private)",
  },
  gidmap: { kind: "list", value: "CONTAINER:HOST[:SIZE]", summary: "The same of groups" },
  subuidname: { kind: "string", value: "NAME", summary: "The ids of this name in /etc/subuid, from 0 on" },
  subgidname: { kind: "string", value: "NAME", summary: "The same of /etc/subgid" },
  uts: { kind: "string", value: "host", summary: "Share the host's name" },
  "add-host": {
    kind: "list",
    value: "NAME:ADDRESS",
    summary: "Add a line to /etc/hosts; host-gateway: this machine",
  },
  dns: { kind: "list", value: "ADDRESS", summary: "Ask this resolver, not the host's" },
  "dns-search": {
    kind: "list",
    value: "DOMAIN",
    summary: "Look names up in this domain, not in the host's; .: in none",
  },
  "dns-option": { kind: "list", value: "OPTION", summary: "An option of resolv.conf", aliases: ["dns-opt"] },
  label: { kind: "list", short: "l", value: "NAME[=VALUE]", summary: "Note something about the container" },
  "log-driver": {
    kind: "string",
    value: "local|json-file|none|journald|syslog",
    summary: "Where what it writes is kept (local: what 'teu logs' reads)",
  },
  "log-opt": {
    kind: "list",
    value: "NAME=VALUE",
    summary: "max-size=10m, max-file=3, tag=…, syslog-address=…",
  },
  "label-file": { kind: "list", value: "FILE", summary: "Note what a file lists, a line each" },
  annotation: {
    kind: "list",
    value: "NAME=VALUE",
    summary: "Tell the runtime something: an annotation of config.json",
  },
  cidfile: { kind: "string", value: "FILE", summary: "Write the container's ID there" },
  "stop-signal": {
    kind: "string",
    value: "SIGNAL",
    summary: "What 'teu stop' sends (the image's, or TERM)",
  },
  ...HEALTH_FLAGS,
  "stop-timeout": {
    kind: "integer",
    value: "SECONDS",
    summary: "How long 'teu stop' waits; -1: for ever (10)",
  },
  expose: { kind: "list", value: "PORT[/PROTOCOL]", summary: "A port that the program serves, for -P" },
  "publish-all": {
    kind: "boolean",
    short: "P",
    summary: "Lead free ports of this machine to all that are served",
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
  link: {
    kind: "list",
    value: "CONTAINER[:ALIAS]",
    summary: "Find another container by a name of one's own for it",
  },
  "mac-address": { kind: "string", value: "ADDRESS", summary: "Hardware address in the first network" },
  ...FOREIGN_FLAGS,
  runtime: { kind: "string", value: "PATH", summary: "Let another OCI runtime do it: /usr/sbin/runc" },
} as const satisfies Flags;

/** The container that the flags ask for. @param words  The command line after the image. @throws {InvalidOption} {InvalidSignal} {Unsupported} */
export function containerRequest(
  flags: ParsedArguments<typeof CONTAINER_FLAGS>["flags"],
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ContainerRequest {
  const { user } = flags;
  const networks = flags.network.filter((word) => word !== "");
  const name = flags.name ? parseName(flags.name) : undefined;
  const restart = parseRestartPolicy(flags.restart);
  if (restart !== undefined && flags.rm)
    throw new InvalidOption(
      { option: "--restart", value: flags.restart },
      "Conflicting options: --restart and --rm",
    );
  const mounts = flags.mount.map(parseMount);
  const shown = flags.volume.map((text) => ({ text, mount: parseVolume(text) }));
  const volumes = [...shown.map(({ mount }) => mount), ...mounts.filter((mount) => mount.kind !== "tmpfs")];
  const { network, attachments } = parseNetworks({
    networks: networks.length > 0 ? networks : [DEFAULT_NETWORK],
    aliases: flags["network-alias"],
    address: flags.ip || undefined,
    address6: flags.ip6 || undefined,
    hardwareAddress: flags["mac-address"] || undefined,
    links: flags.link.map(parseLink),
  });
  refuseForeign(flags);
  refuseConflicts(flags);
  const security = securityOf(flags);
  const ipc = ipcOf(flags.ipc);
  const users = parseUsers(flags);
  return {
    options: {
      command: words,
      environment: parseEnvironment(
        [...flags["env-file"].flatMap(readLines), ...flags.env],
        environment,
      ).concat(security.environment),
      volumes: volumes.filter((volume) => volume.kind === "bind"),
      isReadonly: flags["read-only"],
      network,
      terminal: flags.tty,
      ...security.options,
      resources: resourcesOf(flags),
      annotations: parseAssignments("--annotation", flags.annotation, true),
      hasNoSharedMemory: ipc === "none",
      tmpfs: [
        ...flags.tmpfs.map(parseTmpfs),
        ...mounts.flatMap((mount) => (mount.kind === "tmpfs" ? [mount.tmpfs] : [])),
      ],
      rlimits: flags.ulimit.map(parseUlimit),
      sysctl: parseParameters(flags.sysctl, network),
      shared: sharedNamespaces({ pid: flags.pid, ipc, uts: flags.uts, cgroup: flags.cgroupns }),
      ...given({
        shmBytes: parseSize(flags["shm-size"] ?? "0", "--shm-size") || undefined, // 0 is the default, as docker has it
        oomScoreAdj: flags["oom-score-adj"],
        entrypoint: flags.entrypoint,
        workingDirectory: flags.workdir || undefined,
        hostname: flags.hostname && parseHostname(flags.hostname, "--hostname"),
        domainname: flags.domainname && parseHostname(flags.domainname, "--domainname"),
      }),
    },
    volumes: volumes.filter((volume) => volume.kind === "volume"),
    images: volumes.filter((volume) => volume.kind === "image"),
    volumesFrom: flags["volumes-from"].map(parseVolumesFrom),
    networks: attachments,
    joins: {
      ...joinsOf(network, flags),
      ...(users?.kind === "container" && { user: users.container }),
    },
    ports: portsOf(flags.publish, network),
    labels: parseAssignments("--label", [...flags["label-file"].flatMap(readLines), ...flags.label], false),
    hosts: hostsOf(flags["add-host"], network),
    resolvers: flags.dns.map(parseResolver),
    searchDomains: flags["dns-search"].map(parseSearchDomain),
    resolverOptions: flags["dns-option"].map(parseResolverOption),
    groups: [...flags["group-add"], ...security.groups],
    health: healthOf(flags),
    ipc: ipc.startsWith("container:") ? "private" : ipc,
    exposed: flags.expose.flatMap(parseExposed),
    publishesAll: flags["publish-all"],
    autoRemove: flags.rm,
    hasInit: flags.init,
    interactive: flags.interactive,
    ...given({
      name,
      user,
      runtime: flags.runtime || undefined,
      restart,
      stopSignal: checkedSignal(flags["stop-signal"]),
      stopTimeoutSeconds: flags["stop-timeout"],
      seccomp: security.seccomp,
      users,
      cgroupParent: flags["cgroup-parent"] || undefined,
      storage: parseStorage(flags["storage-opt"]),
      idFile: flags.cidfile || undefined,
      asked: askedWords({
        ...security.asked,
        groups: flags["group-add"],
        volumesFrom: flags["volumes-from"],
        binds: shown.flatMap(({ text, mount }) => bindShape(text, mount) ?? []),
        mounts: mounts.map(mountShape),
        tmpfs: Object.fromEntries(
          flags.tmpfs.map((text) => text.split(/:(.*)/s)).map(([path, options = ""]) => [path, options]),
        ),
        publishesAll: flags["publish-all"],
        hostUsers: flags.userns === "host",
        ...(flags.cidfile && { idFile: flags.cidfile }),
      }),
      log: parseLog(flags["log-driver"], flags["log-opt"]),
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

/** Docker's words; none is private. @throws {InvalidOption} */
function ipcOf(text: string | undefined): string {
  if (text === undefined || text === "") return "private";
  if (/^(private|shareable|none|host)$/.test(text) || containerIn(text) !== undefined) return text;
  throw new InvalidOption({ option: "--ipc", value: text }, `--ipc: invalid IPC mode: ${text}`);
}

/** Which namespaces are the host's. @throws {InvalidOption} */
function sharedNamespaces(
  words: Readonly<Record<"pid" | "ipc" | "uts" | "cgroup", string | undefined>>,
): ("pid" | "ipc" | "uts" | "cgroup")[] {
  return (["pid", "ipc", "uts", "cgroup"] as const).filter((type) => {
    const word = words[type] ?? "";
    if (type === "ipc" || (type === "pid" && containerIn(word) !== undefined)) return word === "host";
    if (word === "host" || word === "" || word === "private") return word === "host";
    const flag = type === "cgroup" ? "--cgroupns" : `--${type}`;
    throw new InvalidOption(
      { option: flag, value: word },
      `${flag}: invalid ${type.toUpperCase()} mode: ${word}`,
    );
  });
}

/** The containers whose namespaces are meant. @throws {InvalidOption} what the other container has a say in, in docker's words */
function joinsOf(
  network: string,
  flags: Pick<
    ParsedArguments<typeof CONTAINER_FLAGS>["flags"],
    "pid" | "ipc" | "hostname" | "publish" | "add-host" | "dns"
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
  return given({ network: other, pid: containerIn(flags.pid ?? ""), ipc: containerIn(flags.ipc ?? "") });
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

/** With the host's network a port is open by itself, with none it leads nowhere: docker starts such a container, and warns. */
function portsOf(texts: readonly string[], network: string): PublishedPort[] {
  const ports = texts.flatMap(parsePublish);
  return network === "none" || network === "host" ? [] : ports;
}
