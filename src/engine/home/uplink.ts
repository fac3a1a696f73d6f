/**
 * The way from a home's network into the world: slirp4netns, or pasta, a process that has a device in there and passes on, as the user,
 * what comes out of it. It is there while containers are connected.
 * Source: slirp4netns(1), pasta(1); moby rootlesskit; podman, rootless network namespace.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bootID, type HostPath, isAlive, type Owner, startTimeOf, TeuError } from "../../base/index.ts";
import { check, connectUnix, pipe, syscall } from "../../sys/index.ts";
import { bindTree, unmount } from "../mount/calls.ts";
import { type ForwardedPort, UPLINK_RESOLVER } from "../network/place.ts";

/** Neither program is installed. */
export class NoUplinkProgram extends TeuError<"no-uplink-program"> {
  constructor() {
    super(
      "no-uplink-program",
      "failed-precondition",
      {},
      "Cannot connect the container to a network: there is neither slirp4netns nor pasta on this machine",
      {
        hint: "Install slirp4netns (or passt); or run without a network of its own: --network none, --network host",
      },
    );
  }
}

/** The program ended, or did not do as it was asked. */
export class UplinkFailed extends TeuError<"uplink-failed", { program: string; says: string }> {
  constructor(context: { program: string; says: string }) {
    super(
      "uplink-failed",
      "unavailable",
      context,
      `Cannot connect the user's network to the world: ${context.program}: ${context.says}`,
    );
  }
}

/** slirp4netns leads no ports of IPv6: `add_hostfwd` of its API takes addresses of IPv4 alone, up to 1.3.2 at least (api.c). */
export class NoForwarder6 extends TeuError<
  "no-forwarder6",
  { address: string; port: number; program: string }
> {
  constructor(context: { address: string; port: number; program: string }) {
    super(
      "no-forwarder6",
      "unsupported",
      context,
      `Cannot publish a port on [${context.address}]: ${context.program} leads ports of IPv4 alone`,
      { hint: "Publish it on 127.0.0.1 or 0.0.0.0; or have pasta (passt) installed and slirp4netns not" },
    );
  }
}

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
/** Its device in there. */
export const UPLINK_DEVICE = "tap0";
/** Where ports lead to: the device's own address. */
const GUEST = "10.0.2.100";
const MTU = "65520";
const MAX_WORDS = 500;
const SIGTERM = 15;
const PATIENCE_MS = 5000;
const LOOK_AGAIN_MS = 2;

interface Uplink {
  readonly kind: "slirp4netns" | "pasta";
  readonly owner: Owner;
  /** Those that pasta was started with. */
  readonly ports?: readonly string[];
}

/** The one that is there; undefined: none, or it has ended. */
export function findUplink(run: HostPath): Uplink | undefined {
  const file = join(run, "uplink.json");
  if (!existsSync(file)) return undefined;
  const uplink = JSON.parse(readFileSync(file, "utf8")) as Uplink; // we wrote it, under the lock
  return isAlive(uplink.owner) ? uplink : undefined;
}

/**
 * Starts one in the network namespace at `path`, and returns when it is ready.
 * @param ports  Led in by pasta from its beginning; slirp4netns is told later.
 * @throws {NoUplinkProgram} {UplinkFailed}
 */
export function startUplink(run: HostPath, path: string, ports: readonly ForwardedPort[] = []): Uplink {
  const slirp = Bun.which("slirp4netns", { PATH });
  const pasta = slirp === null ? Bun.which("pasta", { PATH }) : null;
  const kind = slirp === null ? "pasta" : "slirp4netns";
  const pid =
    slirp !== null
      ? startSlirp(slirp, run, path)
      : pasta !== null
        ? startPasta(pasta, run, path, wordsFor(ports))
        : 0;
  if (pid === 0) throw new NoUplinkProgram();
  const owner = { pid, startTime: startTimeOf(pid) ?? 0, bootID: bootID() };
  const uplink: Uplink = { kind, owner, ...(kind === "pasta" && { ports: wordsFor(ports) }) };
  writeFileSync(join(run, "uplink.json"), JSON.stringify(uplink), { mode: 0o600 });
  return uplink;
}

/** Ends it, and returns when its ports and its device are free. */
export function stopUplink(run: HostPath): void {
  const uplink = findUplink(run);
  if (uplink !== undefined) {
    syscall("kill", uplink.owner.pid, SIGTERM);
    for (const end = performance.now() + PATIENCE_MS; isAlive(uplink.owner) && performance.now() < end; )
      Bun.sleepSync(LOOK_AGAIN_MS);
  }
  unmount(namespaceFile(run));
  for (const name of ["uplink.json", "uplink.sock", "uplink.log", "uplink.pid", "uplink.ns"])
    rmSync(join(run, name), { force: true });
}

/** It says on a descriptor when the device is there. */
function startSlirp(program: string, run: HostPath, path: string): number {
  const socket = join(run, "uplink.sock");
  rmSync(socket, { force: true }); // of one that was killed
  const log = join(run, "uplink.log");
  const errors = openSync(log, "w", 0o600);
  const ready = pipe();
  try {
    const words = [
      ...[
        "--configure",
        "--enable-ipv6",
        `--mtu=${MTU}`,
        "--disable-host-loopback",
        "--enable-sandbox",
        "--enable-seccomp",
      ],
      ...[`--api-socket=${socket}`, "--ready-fd=3", "--netns-type=path", path, UPLINK_DEVICE],
    ];
    const child = Bun.spawn([program, ...words], {
      cwd: "/",
      env: { PATH },
      stdio: ["ignore", errors, errors, ready.write],
      detached: true,
    });
    child.unref();
    closeSync(ready.write);
    if (readSync(ready.read, new Uint8Array(1)) === 1) return child.pid;
    throw new UplinkFailed({ program: "slirp4netns", says: reasonIn(readFileSync(log, "utf8")) });
  } finally {
    closeSync(ready.read);
    closeSync(errors);
  }
}

/** It goes into the background when the device is there, and writes its pid. */
function startPasta(program: string, run: HostPath, path: string, ports: readonly string[]): number {
  const file = join(run, "uplink.pid");
  rmSync(file, { force: true });
  // It drops rights before it looks, and then may not look at the keeper's namespaces: at a file it may.
  const place = namespaceFile(run);
  unmount(place);
  writeFileSync(place, "", { mode: 0o600 });
  bindTree(path as HostPath, place);
  const words = [
    ...["--config-net", "--quiet", "--netns-only", "--ns-ifname", UPLINK_DEVICE, "--pid", file],
    ...[...ports, "-T", "none", "-U", "none", "--no-map-gw"],
    // Where slirp4netns has its own.
    ...["--dns-forward", UPLINK_RESOLVER, "--netns", place],
  ];
  const { success, stderr } = Bun.spawnSync([program, ...words], { cwd: "/", env: { PATH }, stderr: "pipe" });
  if (!success) throw new UplinkFailed({ program: "pasta", says: reasonIn(stderr.toString()) });
  return Number(readFileSync(file, "utf8"));
}

function namespaceFile(run: HostPath): HostPath {
  return join(run, "uplink.ns") as HostPath;
}

/** The last line that tells why: slirp4netns says that its child failed, and then warns of what it is asked for. */
function reasonIn(text: string): string {
  const lines = text.split("\n").filter((line) => line !== "" && !/^(WARNING: |child failed)/.test(line));
  return lines.at(-1)?.slice(0, MAX_WORDS) ?? "it ended and said nothing";
}

interface Forwarding {
  readonly id: number;
  readonly proto: "tcp" | "udp";
  readonly host_addr: string;
  readonly host_port: number;
}

/** Pasta's words for them: `-t 127.0.0.1/8080`. */
function wordsFor(ports: readonly ForwardedPort[]): string[] {
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const flag = protocol === "tcp" ? "-t" : "-u";
    const specs = ports
      .filter((port) => port.protocol === protocol)
      .map(({ hostAddress, hostPort, isIPv6 }) => {
        // Where nobody answers by IPv6 it is not open there: who gets a connection and then nothing does not try IPv4.
        const address = hostAddress === "" && !isIPv6 ? "0.0.0.0" : hostAddress;
        return address === "" ? `${hostPort}` : `${address}/${hostPort}`;
      });
    return specs.length === 0 ? [flag, "none"] : specs.flatMap((spec) => [flag, spec]);
  });
}

/**
 * Leads `ports` into the network at `path`, and no others. Pasta takes none while it runs: it is ended and started anew, which ends what is open
 * by it. @throws {NoForwarder6} {UplinkFailed}
 */
export function forwardPorts(
  run: HostPath,
  path: string,
  { kind, ports: before = [] }: Uplink,
  ports: readonly ForwardedPort[],
): void {
  if (kind === "pasta") {
    if (Bun.deepEquals(before, wordsFor(ports))) return;
    stopUplink(run);
    startUplink(run, path, ports);
    return;
  }
  const ofIPv6 = ports.find(({ hostAddress }) => hostAddress.includes(":"));
  if (ofIPv6 !== undefined)
    throw new NoForwarder6({
      ...{ address: ofIPv6.hostAddress, port: ofIPv6.hostPort },
      program: slirpVersion(),
    });
  const socket = join(run, "uplink.sock");
  const { entries = [] } = ask(socket, { execute: "list_hostfwd" }) as { entries?: Forwarding[] };
  const nameOf = (protocol: string, address: string, port: number) => `${protocol} ${address} ${port}`;
  const wanted = new Map(
    ports.map((port) => [
      nameOf(port.protocol, port.hostAddress || "0.0.0.0", port.hostPort),
      {
        proto: port.protocol,
        host_addr: port.hostAddress || "0.0.0.0",
        host_port: port.hostPort,
        guest_addr: GUEST,
        guest_port: port.hostPort,
      },
    ]),
  );
  for (const { id, proto, host_addr, host_port } of entries)
    if (!wanted.delete(nameOf(proto, host_addr, host_port)))
      ask(socket, { execute: "remove_hostfwd", arguments: { id } });
  for (const forwarding of wanted.values()) ask(socket, { execute: "add_hostfwd", arguments: forwarding });
}

/** `slirp4netns 1.2.0`. */
function slirpVersion(): string {
  const said = Bun.spawnSync(["slirp4netns", "--version"], { cwd: "/", env: { PATH }, stderr: "ignore" });
  const [, version] = /version (\S+)/.exec(said.stdout.toString()) ?? [];
  return version === undefined ? "slirp4netns" : `slirp4netns ${version}`;
}

/** One question on a connection of its own, as slirp4netns has it. */
function ask(path: string, question: object): unknown {
  const socket = connectUnix(path);
  try {
    const text = Buffer.from(JSON.stringify(question));
    check(syscall("sendto", socket, text, text.length, 0, 0, 0), "sendto", path);
    check(syscall("shutdown", socket, 1), "shutdown", path);
    let answer = "";
    const buffer = new Uint8Array(4096);
    for (let length = 1; length > 0; ) {
      length = readSync(socket, buffer);
      answer += Buffer.from(buffer.subarray(0, length)).toString();
    }
    const said = JSON.parse(answer) as { return?: unknown; error?: { desc?: string } };
    if (said.error !== undefined)
      throw new UplinkFailed({ program: "slirp4netns", says: said.error.desc ?? answer });
    return said.return ?? said; // its manual has `return` everywhere; list_hostfwd has it not
  } finally {
    closeSync(socket);
  }
}
