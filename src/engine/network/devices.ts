/** The devices of a network: its bridge, and a pair for each container, made by netlink. All of it is done in this thread at once. */
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { hasCode } from "../../base/index.ts";
import {
  addAddress,
  addDefaultRoute,
  changeLink,
  check,
  createBridge,
  createVethPair,
  deleteLink,
  errno,
  errnoSentence,
  findLink,
  type Link,
  localSubnets,
  NetlinkSocket,
  natureOf,
  SystemCallFailed,
  syscall,
} from "../../sys/index.ts";
import { addressBytes, type Pool, type Subnet } from "./address.ts";
import { addressBytes6, decodeAddress6, type Pool6, type Subnet6 } from "./address6.ts";
import { NoBridge, ParameterRefused } from "./errors.ts";
import { forwardIPv4, forwardIPv6, letThrough } from "./forwarding.ts";
import type { HomeNetwork } from "./place.ts";

const AF_INET = 2;
export const AF_INET6 = 10;
const IPV6 = "/proc/sys/net/ipv6/conf";
const CLONE_NEWNET = 0x40000000;

/** The addresses of this machine's devices. */
export function ownAddresses(
  home: HomeNetwork | undefined,
): { readonly address: number; readonly prefixLength: number; readonly index: number }[] {
  using socket = new NetlinkSocket();
  using inHome = home?.socket();
  const all = [...localSubnets(socket), ...(inHome === undefined ? [] : localSubnets(inHome))];
  return all.map(({ address, ...place }) => ({ ...place, address: Buffer.from(address).readUInt32BE(0) }));
}

/** The subnets that they are in, but for those of device `except`. */
export function usedSubnets(home: HomeNetwork | undefined, except?: number): Subnet[] {
  return ownAddresses(home)
    .filter(({ index }) => index !== except)
    .map(({ address, prefixLength }) => ({
      base: address - (address % 2 ** (32 - prefixLength)),
      prefixLength,
    }));
}

/** The IPv6 addresses of this machine's devices. */
export function ownAddresses6(): bigint[] {
  using socket = new NetlinkSocket();
  return localSubnets(socket, AF_INET6).map(({ address }) => decodeAddress6(address));
}

/** The IPv6 subnets that they are in, but for those of device `except`. */
export function usedSubnets6(home: HomeNetwork | undefined, except?: number): Subnet6[] {
  using socket = new NetlinkSocket();
  using inHome = home?.socket();
  const all = [socket, ...(inHome === undefined ? [] : [inHome])];
  return all
    .flatMap((one) => localSubnets(one, AF_INET6))
    .filter(({ index }) => index !== except)
    .map(({ address, prefixLength }) => {
      const number = decodeAddress6(address);
      return { base: number - (number % (1n << BigInt(128 - prefixLength))), prefixLength };
    });
}

/** The bridge of that name that is there. @returns its index, or undefined: there is none yet @throws {NoBridge} */
export function presentBridge(name: string, home: HomeNetwork | undefined): number | undefined {
  using socket = socketHere(home);
  const link = findLink(socket, name);
  if (link !== undefined && natureOf(socket, link).kind !== "bridge") throw new NoBridge({ device: name });
  return link?.index;
}

/** Sees to it that the bridge is there, with the gateway's address, and that packets may pass. @throws {NoBridge} */
function ensureBridge(socket: NetlinkSocket, { bridge, subnet, subnet6, home }: Place): Link {
  const { name, isNamed, mark, mtu } = bridge;
  const hardwareAddress = hardwareAddressOf(subnet.gateway);
  const alias = isNamed ? mark : undefined;
  const link = createBridge(socket, { name, hardwareAddress, mtu, alias });
  const nature = isNamed ? natureOf(socket, link) : undefined;
  if (nature !== undefined && nature.kind !== "bridge") throw new NoBridge({ device: name });
  addAddress(socket, link, ipv4(subnet.gateway, subnet.prefixLength));
  // On a bridge of somebody else's IPv6 is as they have it.
  const isOurs = nature === undefined || nature.alias === mark;
  if (home !== undefined) {
    // All of its namespace forwards, and has what follows for IPv4.
    if (subnet6 !== undefined) addAddress(socket, link, ipv6(subnet6.gateway, subnet6.prefixLength));
    return link;
  }
  forwardIPv4(socket);
  // A port that is published on 127.0.0.1 leads from there to the bridge; the rules see to it that nothing else does.
  writeFileSync(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, "1");
  if (isOurs) writeParameters(ipv6Of(name, subnet6 !== undefined));
  if (subnet6 !== undefined) {
    forwardIPv6(socket);
    addAddress(socket, link, ipv6(subnet6.gateway, subnet6.prefixLength));
  }
  if (!isOurs) letThrough(name, socket);
  return link;
}

/**
 * Parameters of the kernel, by their paths below /proc/sys, that turn IPv6 of a device on or off; none where the kernel has it not. In neither
 * case does it believe who says that they are a router: a container could have all that goes by IPv6 sent to itself (CVE-2020-13401).
 */
export function ipv6Of(device: string, isOn: boolean): Readonly<Record<string, string>> {
  if (!existsSync(IPV6)) return {};
  const of = `net/ipv6/conf/${device}`;
  return { [`${of}/accept_ra`]: "0", [`${of}/disable_ipv6`]: isOn ? "0" : "1" };
}

/** Sets parameters of this thread's namespace. @throws {ParameterRefused} */
function writeParameters(parameters: Readonly<Record<string, string>>): void {
  for (const [parameter, value] of Object.entries(parameters))
    try {
      writeFileSync(`/proc/sys/${parameter}`, value, { flag: "r+" });
    } catch (error) {
      const number = error instanceof Error && "errno" in error ? Math.abs(Number(error.errno)) : 0;
      throw new ParameterRefused({ parameter, value, why: whyRefused(number) });
    }
}

function whyRefused(number: number): string {
  return number === errno.ENOENT ? "the kernel has no such parameter" : errnoSentence(number);
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

/** Takes the bridge of a network away, unless it is somebody else's. */
export function removeBridge({ name, isNamed, mark }: Bridge, home: HomeNetwork | undefined): void {
  if (isNamed) {
    using socket = socketHere(home);
    const link = findLink(socket, name);
    if (link === undefined || natureOf(socket, link).alias !== mark) return;
  }
  removeDevice(name, home);
}

/** A network's bridge. */
export interface Bridge {
  readonly name: string;
  /** Whether its name was asked for: then it may be somebody else's. */
  readonly isNamed: boolean;
  /** What one of ours has in it, with a name that was asked for. */
  readonly mark: string;
  readonly mtu?: number | undefined;
}

/** A mark on a device itself: no crash can part the two. */
export function markOf(network: string): string {
  return `teu network ${network}`;
}

/** A place in a network that is given to a process. */
export interface Place {
  readonly bridge: Bridge;
  /** Whether it reaches the bridge's other containers by what they publish alone. */
  readonly isIsolated: boolean;
  readonly subnet: Pool;
  readonly address: number;
  /** undefined: IPv6 is off there. */
  readonly subnet6: Pool6 | undefined;
  readonly address6: bigint | undefined;
  /** The name of the device on this side, and that of the other side. */
  readonly name: string;
  readonly device: string;
  /** Of the inner device: `02:42:…`; absent: made of the address. */
  readonly hardwareAddress: string | undefined;
  /** Of the inner device: parameters of the kernel, by their paths below /proc/sys. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Whether what is on no link goes by this network. */
  readonly isDefault: boolean;
  readonly home: HomeNetwork | undefined;
}

/**
 * Gives process `pid`'s network namespace a device in the network of `bridge`, which is made if it is not there. The kernel removes the
 * device with the namespace.
 */
export function connectProcess(pid: number, place: Place): void {
  const { subnet, subnet6, address, address6, name, device, hardwareAddress, isDefault, home } = place;
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    using outside = socketHere(home);
    const pair = {
      name,
      bridge: ensureBridge(outside, place),
      ...{ mtu: place.bridge.mtu, isIsolated: place.isIsolated },
      peerName: device,
      peerNamespace: namespace,
      peerHardwareAddress: hardwareAddressOf(address, hardwareAddress),
    };
    try {
      createVethPair(outside, pair);
    } catch (error) {
      if (!hasCode(error, "netlink-refused") || error.context["errno"] !== "EEXIST") throw error;
      // Of its last run: the kernel takes its time with a namespace that nobody is in any more.
      removeDevice(name, home);
      createVethPair(outside, pair);
    }
    const own = ipv6Of(device, subnet6 !== undefined);
    using inside =
      home === undefined
        ? socketIn(namespace, { ...own, ...place.parameters })
        : socketInHome(home, `/proc/${pid}/ns/net`, own, place.parameters);
    const link = findLink(inside, device);
    if (link === undefined) throw new RangeError(`The kernel made ${device}, and it is not there`);
    addAddress(inside, link, ipv4(address, subnet.prefixLength));
    changeLink(inside, link, { isUp: true });
    if (isDefault) addDefaultRoute(inside, link, addressBytes(subnet.gateway));
    if (subnet6 === undefined || address6 === undefined) return;
    addAddress(inside, link, ipv6(address6, subnet6.prefixLength));
    if (isDefault) addDefaultRoute(inside, link, addressBytes6(subnet6.gateway));
  } finally {
    closeSync(namespace);
  }
}

/** Lets what is on no link go by `device` of process `pid`'s network namespace, and no longer by another. */
export function moveDefaultRoute(
  pid: number,
  {
    device,
    router,
    router6,
    home,
  }: Pick<Place, "device" | "home"> & {
    /** undefined: out of the device as it is. */
    readonly router: Uint8Array | undefined;
    /** Absent: there is no IPv6. */
    readonly router6?: { readonly address: Uint8Array | undefined };
  },
): void {
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    using inside = home === undefined ? socketIn(namespace) : home.socketIn(`/proc/${pid}/ns/net`);
    const link = findLink(inside, device);
    if (link !== undefined) addDefaultRoute(inside, link, router, AF_INET, true);
    if (link !== undefined && router6 !== undefined)
      addDefaultRoute(inside, link, router6.address, AF_INET6, true);
  } finally {
    closeSync(namespace);
  }
}

/** A socket of the namespace that the bridges are in. */
function socketHere(home: HomeNetwork | undefined): NetlinkSocket {
  return home === undefined ? new NetlinkSocket() : home.socket();
}

/** A socket of another namespace of the home's. What somebody has asked for is tried one by one, to say which is refused. @throws {ParameterRefused} */
function socketInHome(
  home: HomeNetwork,
  path: string,
  own: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): NetlinkSocket {
  for (const [parameter, value] of Object.entries(asked))
    try {
      home.socketIn(path, { [parameter]: value })[Symbol.dispose]();
    } catch (error) {
      if (!(error instanceof SystemCallFailed)) throw error;
      throw new ParameterRefused({ parameter, value, why: whyRefused(error.number) });
    }
  return home.socketIn(path, { ...own, ...asked });
}

/** A socket of another namespace, in which `parameters` are set. The thread is back in its own before anything else can run in it. */
export function socketIn(
  namespace: number,
  parameters: Readonly<Record<string, string>> = {},
): NetlinkSocket {
  return inNamespace(namespace, () => {
    writeParameters(parameters);
    return new NetlinkSocket();
  });
}

/** Does `work`, which is done when it returns, in another network namespace: a socket that is made there stays there. */
export function inNamespace<T>(namespace: number, work: () => T): T {
  const own = openSync("/proc/thread-self/ns/net", "r");
  try {
    check(syscall("setns", namespace, CLONE_NEWNET), "setns", "net");
    try {
      return work();
    } finally {
      check(syscall("setns", own, CLONE_NEWNET), "setns", "net");
    }
  } finally {
    closeSync(own);
  }
}

/** With the broadcast address of its network, where that has one: programs that look for others ask the device. */
export function ipv4(address: number, prefixLength: number): Parameters<typeof addAddress>[2] {
  const bytes = addressBytes(address);
  const common = { family: AF_INET, prefixLength, scope: 0, isPermanent: true, local: bytes, peer: bytes };
  if (prefixLength > 30) return common;
  return { ...common, broadcast: addressBytes((address | (0xffffffff >>> prefixLength)) >>> 0) };
}

/** In use at once: nobody else has it, so the kernel need not ask. */
export function ipv6(address: bigint, prefixLength: number): Parameters<typeof addAddress>[2] {
  const bytes = addressBytes6(address);
  const common = { family: AF_INET6, prefixLength, scope: 0, isPermanent: true, isUnique: true };
  return { ...common, local: bytes, peer: bytes };
}

/** The one asked for, or one made of the address, as docker does: the same container has the same one, and neighbours' caches stay right. */
export function hardwareAddressOf(address: number, asked?: string): Uint8Array {
  if (asked !== undefined) return Uint8Array.from(asked.split(":"), (byte) => Number.parseInt(byte, 16));
  return Uint8Array.of(0x02, 0x42, ...addressBytes(address));
}
