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

/** Ports are led into the network by slirp4netns alone. */
export class NoForwarder extends TeuError<"no-forwarder"> {
  constructor() {
    super(
      "no-forwarder",
      "failed-precondition",
      {},
      "Cannot publish a port: as a plain user this takes the program slirp4netns",
      {
        hint: "Install slirp4netns, and end the containers that are connected by pasta; or use --network host",
      },
    );
  }
}

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
const DEVICE = "tap0";
/** Where ports lead to: the device's own address. */
const GUEST = "10.0.2.100";
const MTU = "65520";
const MAX_WORDS = 500;
const SIGTERM = 15;

interface Uplink {
  readonly kind: "slirp4netns" | "pasta";
  readonly owner: Owner;
}

/** The one that is there; undefined: none, or it has ended. */
export function findUplink(run: HostPath): Uplink | undefined {
  const file = join(run, "uplink.json");
  if (!existsSync(file)) return undefined;
  const uplink = JSON.parse(readFileSync(file, "utf8")) as Uplink; // we wrote it, under the lock
  return isAlive(uplink.owner) ? uplink : undefined;
}

/** Starts one in the network namespace at `path`, and returns when it is ready. @throws {NoUplinkProgram} {UplinkFailed} */
export function startUplink(run: HostPath, path: string): Uplink {
  const slirp = Bun.which("slirp4netns", { PATH });
  const pasta = slirp === null ? Bun.which("pasta", { PATH }) : null;
  const kind = slirp === null ? "pasta" : "slirp4netns";
  const pid =
    slirp !== null ? startSlirp(slirp, run, path) : pasta !== null ? startPasta(pasta, run, path) : 0;
  if (pid === 0) throw new NoUplinkProgram();
  const owner = { pid, startTime: startTimeOf(pid) ?? 0, bootID: bootID() };
  writeFileSync(join(run, "uplink.json"), JSON.stringify({ kind, owner }), { mode: 0o600 });
  return { kind, owner };
}

/** Ends it. */
export function stopUplink(run: HostPath): void {
  const uplink = findUplink(run);
  if (uplink !== undefined) syscall("kill", uplink.owner.pid, SIGTERM);
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
      ...["--configure", `--mtu=${MTU}`, "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp"],
      ...[`--api-socket=${socket}`, "--ready-fd=3", "--netns-type=path", path, DEVICE],
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
    throw new UplinkFailed({ program: "slirp4netns", says: lastLine(readFileSync(log, "utf8")) });
  } finally {
    closeSync(ready.read);
    closeSync(errors);
  }
}

/** It goes into the background when the device is there, and writes its pid. */
function startPasta(program: string, run: HostPath, path: string): number {
  const file = join(run, "uplink.pid");
  rmSync(file, { force: true });
  // It drops rights before it looks, and then may not look at the keeper's namespaces: at a file it may.
  const place = namespaceFile(run);
  unmount(place);
  writeFileSync(place, "", { mode: 0o600 });
  bindTree(path as HostPath, place);
  const words = [
    ...["--config-net", "--quiet", "--netns-only", "--ns-ifname", DEVICE, "--pid", file],
    ...["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw"],
    // Where slirp4netns has its own.
    ...["--dns-forward", UPLINK_RESOLVER, "--netns", place],
  ];
  const { success, stderr } = Bun.spawnSync([program, ...words], { cwd: "/", env: { PATH }, stderr: "pipe" });
  if (!success) throw new UplinkFailed({ program: "pasta", says: lastLine(stderr.toString()) });
  return Number(readFileSync(file, "utf8"));
}

function namespaceFile(run: HostPath): HostPath {
  return join(run, "uplink.ns") as HostPath;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, MAX_WORDS) || "it ended and said nothing";
}

interface Forwarding {
  readonly id: number;
  readonly proto: "tcp" | "udp";
  readonly host_addr: string;
  readonly host_port: number;
}

/** Leads `ports` into the network, and no others. @throws {NoForwarder} {UplinkFailed} */
export function forwardPorts(run: HostPath, { kind }: Uplink, ports: readonly ForwardedPort[]): void {
  if (kind === "pasta") {
    if (ports.length > 0) throw new NoForwarder();
    return;
  }
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
