/**
 * Ports of this machine: whether one is free, and a free one. What listens already would be cut off by a published port.
 *
 * Of SCTP nobody listens on a machine whose kernel has no such sockets, or has their module not loaded, and any port is free there: the packet
 * filter leads it all the same. Docker opens a socket whatever the kernel has: it loads the module, or fails with "protocol not supported".
 */
import { existsSync, readFileSync } from "node:fs";
import { TeuError } from "../../base/index.ts";
import { check, errno, syscall } from "../../sys/index.ts";
import type { Protocol } from "../options/publish.ts";
import { addressBytes, parseAddress } from "./address.ts";
import { addressBytes6, parseAddress6 } from "./address6.ts";

/** A low port, and the user is not root. */
export class PortNotAllowed extends TeuError<"port-not-allowed", { port: number }> {
  constructor(context: { port: number }) {
    super(
      "port-not-allowed",
      "permission-denied",
      context,
      `Cannot publish port ${context.port}: on this machine only root may use it`,
      {
        hint: "Use one from 1024 on, or lower the first that is everybody's: sysctl net.ipv4.ip_unprivileged_port_start",
      },
    );
  }
}

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Its type and its protocol, as socket(2) wants them; 0: the one of that type. */
const SOCKETS = { tcp: [1, 0], udp: [2, 0], sctp: [1, 132] } as const;
const SOCK_CLOEXEC = 0x80000;
/** `struct sockaddr_in` and `sockaddr_in6`. */
const ADDRESS_BYTES = 16;
const ADDRESS6_BYTES = 28;
const ATTEMPTS = 64;
/** In each network namespace, where the kernel has sockets of SCTP. */
const SCTP = "/proc/thread-self/net/sctp";
/** Where ports are that no one asks for by number. */
const RANGE = "/proc/sys/net/ipv4/ip_local_port_range";

/** Whether nobody listens there. @param address  "": everywhere */
export function isPortFree(protocol: Protocol, address: string, port: number): boolean {
  return !hasSockets(protocol) || bind(protocol, address, port) !== undefined;
}

/** A port that nobody listens on and `isWanted` takes. */
export function freePort(protocol: Protocol, address: string, isWanted: (port: number) => boolean): number {
  if (!hasSockets(protocol)) return anyPort(protocol, isWanted);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = bind(protocol, address, 0);
    if (port !== undefined && isWanted(port)) return port;
  }
  return check(-errno.EADDRINUSE, "bind", protocol);
}

function hasSockets(protocol: Protocol): boolean {
  return protocol !== "sctp" || existsSync(SCTP);
}

/** From somewhere in the range on, so that one that was free a moment ago is not given again at once. */
function anyPort(protocol: Protocol, isWanted: (port: number) => boolean): number {
  const [first = 0, last = 0] = readFileSync(RANGE, "latin1").split("\t").map(Number);
  const count = last - first + 1;
  const start = Math.floor(Math.random() * count);
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count);
    if (isWanted(port)) return port;
  }
  return check(-errno.EADDRINUSE, "bind", protocol);
}

/** Binds a socket for a moment. @returns its port; undefined where that is taken */
function bind(protocol: Protocol, address: string, port: number): number | undefined {
  const isIPv6 = address.includes(":");
  const family = isIPv6 ? AF_INET6 : AF_INET;
  const [type, number] = SOCKETS[protocol];
  const socket = check(syscall("socket", family, type | SOCK_CLOEXEC, number), "socket");
  try {
    const name = Buffer.from(new ArrayBuffer(isIPv6 ? ADDRESS6_BYTES : ADDRESS_BYTES));
    const one = Uint32Array.of(1);
    // What is left of a connection that has ended listens to nobody; of UDP it would share the port.
    if (protocol === "tcp")
      check(syscall("setsockopt", socket, SOL_SOCKET, SO_REUSEADDR, one, one.byteLength), "setsockopt");
    name.writeUInt16LE(family, 0);
    name.writeUInt16BE(port, 2);
    if (isIPv6) {
      // Who listens at every address of IPv4 is not in the way.
      check(syscall("setsockopt", socket, IPPROTO_IPV6, IPV6_V6ONLY, one, one.byteLength), "setsockopt");
      name.set(addressBytes6(parseAddress6(address) ?? 0n), 8);
    } else name.set(addressBytes(parseAddress(address) ?? 0), 4);
    const result = syscall("bind", socket, name, name.length);
    if (result === -errno.EADDRINUSE) return undefined;
    if (result === -errno.EACCES) throw new PortNotAllowed({ port });
    check(result, "bind", `${address || "0.0.0.0"}:${port}`);
    const length = Uint32Array.of(name.length);
    check(syscall("getsockname", socket, name, length), "getsockname");
    return name.readUInt16BE(2);
  } finally {
    syscall("close", socket);
  }
}
