/** The devices of a network: its bridge, and a pair for each container, made by netlink. All of it is done in this thread at once. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { hasCode } from "../../base/index.ts";
import {
  addAddress,
  addDefaultRoute,
  changeLink,
  check,
  createBridge,
  createVethPair,
  deleteLink,
  findLink,
  type Link,
  localSubnets,
  NetlinkSocket,
  syscall,
} from "../../sys/index.ts";
import { addressBytes, gatewayOf, type Subnet } from "./address.ts";
import type { HomeNetwork } from "./place.ts";

const AF_INET = 2;
const CLONE_NEWNET = 0x40000000;

/** The addresses of this machine's devices. */
export function ownAddresses(
  home: HomeNetwork | undefined,
): { readonly address: number; readonly prefixLength: number }[] {
  using socket = new NetlinkSocket();
  using inHome = home?.socket();
  const all = [...localSubnets(socket), ...(inHome === undefined ? [] : localSubnets(inHome))];
  return all.map(({ address, prefixLength }) => ({
    address: Buffer.from(address).readUInt32BE(0),
    prefixLength,
  }));
}

/** The subnets that they are in. */
export function usedSubnets(home: HomeNetwork | undefined): Subnet[] {
  return ownAddresses(home).map(({ address, prefixLength }) => ({
    base: address - (address % 2 ** (32 - prefixLength)),
    prefixLength,
  }));
}

/** Sees to it that the bridge is there, with the gateway's address, and that packets may pass. */
function ensureBridge(
  socket: NetlinkSocket,
  { bridge, subnet, home }: Pick<Place, "bridge" | "subnet" | "home">,
): Link {
  const link = createBridge(socket, bridge, hardwareAddressOf(gatewayOf(subnet)));
  addAddress(socket, link, ipv4(gatewayOf(subnet), subnet.prefixLength));
  if (home !== undefined) return link; // all of its namespace has both
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  // A port that is published on 127.0.0.1 leads from there to the bridge; the rules see to it that nothing else does.
  writeFileSync(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, "1");
  return link;
}

/** Takes a device away, a bridge or this side of a pair; one that is not there is no error. */
export function removeDevice(name: string, home: HomeNetwork | undefined): void {
  using socket = socketHere(home);
  const link = findLink(socket, name);
  if (link === undefined) return;
  try {
    deleteLink(socket, link);
  } catch (error) {
    // The kernel took it away meanwhile, with the namespace of its other side.
    if (!hasCode(error, "netlink-refused") || error.context["errno"] !== "ENODEV") throw error;
  }
}

/** A place in a network that is given to a process. */
export interface Place {
  readonly bridge: string;
  readonly subnet: Subnet;
  readonly address: number;
  /** The name of the device on this side, and that of the other side. */
  readonly name: string;
  readonly device: string;
  /** Of the inner device: `02:42:…`; absent: made of the address. */
  readonly hardwareAddress: string | undefined;
  /** Whether what is on no link goes by this network. */
  readonly isDefault: boolean;
  readonly home: HomeNetwork | undefined;
}

/**
 * Gives process `pid`'s network namespace a device in the network of `bridge`, which is made if it is not there. The kernel removes the
 * device with the namespace.
 */
export function connectProcess(
  pid: number,
  { bridge, subnet, address, name, device, hardwareAddress, isDefault, home }: Place,
): void {
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    using outside = socketHere(home);
    createVethPair(outside, {
      name,
      bridge: ensureBridge(outside, { bridge, subnet, home }),
      peerName: device,
      peerNamespace: namespace,
      peerHardwareAddress: hardwareAddressOf(address, hardwareAddress),
    });
    using inside = home === undefined ? socketIn(namespace) : home.socketIn(`/proc/${pid}/ns/net`);
    const link = findLink(inside, device);
    if (link === undefined) throw new RangeError(`The kernel made ${device}, and it is not there`);
    addAddress(inside, link, ipv4(address, subnet.prefixLength));
    changeLink(inside, link, { isUp: true });
    if (isDefault) addDefaultRoute(inside, link, addressBytes(gatewayOf(subnet)));
  } finally {
    closeSync(namespace);
  }
}

/** Lets what is on no link go by `device` of process `pid`'s network namespace, after the one by which it went has gone. */
export function moveDefaultRoute(
  pid: number,
  {
    device,
    router,
    home,
  }: Pick<Place, "device" | "home"> & {
    /** undefined: out of the device as it is. */
    readonly router: Uint8Array | undefined;
  },
): void {
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    using inside = home === undefined ? socketIn(namespace) : home.socketIn(`/proc/${pid}/ns/net`);
    const link = findLink(inside, device);
    if (link !== undefined) addDefaultRoute(inside, link, router);
  } finally {
    closeSync(namespace);
  }
}

/** A socket of the namespace that the bridges are in. */
function socketHere(home: HomeNetwork | undefined): NetlinkSocket {
  return home === undefined ? new NetlinkSocket() : home.socket();
}

/** A socket of another namespace. The thread is back in its own before anything else can run in it. */
export function socketIn(namespace: number): NetlinkSocket {
  const own = openSync("/proc/thread-self/ns/net", "r");
  try {
    check(syscall("setns", namespace, CLONE_NEWNET), "setns", "net");
    try {
      return new NetlinkSocket();
    } finally {
      check(syscall("setns", own, CLONE_NEWNET), "setns", "net");
    }
  } finally {
    closeSync(own);
  }
}

export function ipv4(address: number, prefixLength: number): Parameters<typeof addAddress>[2] {
  const bytes = addressBytes(address);
  return { family: AF_INET, prefixLength, scope: 0, isPermanent: true, local: bytes, peer: bytes };
}

/** The one asked for, or one made of the address, as docker does: the same container has the same one, and neighbours' caches stay right. */
export function hardwareAddressOf(address: number, asked?: string): Uint8Array {
  if (asked !== undefined) return Uint8Array.from(asked.split(":"), (byte) => Number.parseInt(byte, 16));
  return Uint8Array.of(0x02, 0x42, ...addressBytes(address));
}
