/** Makes network devices and routes. Source: rtnetlink(7); linux/if_link.h, rtnetlink.h, veth.h. */
import { type NetlinkSocket, NLM_F } from "./netlink.ts";
import { AttributeBuilder, decodeAttributes } from "./netlink-attributes.ts";
import { findLink, type Link, markLink } from "./rtnetlink.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const LINK_BYTES = 16;
const ADDRESS_BYTES = 8;
const ROUTE_BYTES = 12;
const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const IPV6_BYTES = 16;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** A bridge that is to be. */
export interface NewBridge {
  readonly name: string;
  /** Six bytes. Without one of its own it would take that of a port, and change it when ports come and go. */
  readonly hardwareAddress: Uint8Array;
  /** Absent: the kernel's. */
  readonly mtu?: number | undefined;
  /** A mark on the device; absent: none. */
  readonly alias?: string | undefined;
}

/** Makes a bridge that is up. One of that name that is there is taken as it is. @throws {NetlinkRefused} */
export function createBridge(socket: NetlinkSocket, { name, hardwareAddress, mtu, alias }: NewBridge): Link {
  const present = findLink(socket, name);
  if (present !== undefined) return present;
  const attributes = new AttributeBuilder().text(IFLA_IFNAME, name).bytes(IFLA_ADDRESS, hardwareAddress);
  if (mtu !== undefined) attributes.u32(IFLA_MTU, mtu);
  attributes.nested(IFLA_LINKINFO, (info) => info.text(IFLA_INFO_KIND, "bridge"));
  create(socket, name, attributes);
  const made = findLink(socket, name);
  if (made === undefined) throw new RangeError(`The kernel made bridge ${name}, and it is not there`);
  if (alias !== undefined) markLink(socket, made, alias);
  return made;
}

/** A pair of devices: what goes into the one comes out of the other. */
export interface VethPair {
  /** This side's, in the socket's namespace, a port of the bridge. */
  readonly name: string;
  readonly bridge: Link;
  /** The other side's, born in another namespace. */
  readonly peerName: string;
  readonly peerNamespace: number;
  /** Six bytes. */
  readonly peerHardwareAddress: Uint8Array;
  readonly mtu?: number | undefined;
  /** Whether the bridge passes nothing on between this port and others that are isolated. */
  readonly isIsolated: boolean;
}

/**
 * Makes a pair, this side up. The bridge sends back what came from the port that it is for: with the kernel's bridge netfilter that
 * is what becomes of a container's request to itself by a published port. @throws {NetlinkRefused}
 */
export function createVethPair(socket: NetlinkSocket, pair: VethPair): void {
  const { name, bridge, peerName, peerNamespace, peerHardwareAddress, mtu, isIsolated } = pair;
  const peer = new AttributeBuilder()
    .text(IFLA_IFNAME, peerName)
    .bytes(IFLA_ADDRESS, peerHardwareAddress)
    .u32(IFLA_NET_NS_FD, peerNamespace);
  const attributes = new AttributeBuilder().text(IFLA_IFNAME, name).u32(IFLA_MASTER, bridge.index);
  for (const side of mtu === undefined ? [] : [peer, attributes]) side.u32(IFLA_MTU, mtu ?? 0);
  const body = Buffer.concat([Buffer.alloc(LINK_BYTES), peer.finish()]);
  attributes.nested(IFLA_LINKINFO, (info) =>
    info.text(IFLA_INFO_KIND, "veth").nested(IFLA_INFO_DATA, (data) => data.bytes(VETH_INFO_PEER, body)),
  );
  create(socket, name, attributes);
  const made = findLink(socket, name);
  if (made === undefined) throw new RangeError(`The kernel made ${name}, and it is not there`);
  const header = Buffer.alloc(LINK_BYTES);
  header.writeInt32LE(made.index, 4);
  const port = new AttributeBuilder().nested(IFLA_LINKINFO, (info) =>
    info.text(IFLA_INFO_SLAVE_KIND, "bridge").nested(IFLA_INFO_SLAVE_DATA, (data) => {
      data.u8(IFLA_BRPORT_MODE, 1);
      if (isIsolated) data.u8(IFLA_BRPORT_ISOLATED, 1);
    }),
  );
  const about = `Cannot set up port ${JSON.stringify(name)} of a bridge`;
  socket.request({ type: RTM_NEWLINK, body: Buffer.concat([header, port.finish()]), about });
}

function create(socket: NetlinkSocket, name: string, attributes: AttributeBuilder): void {
  const header = Buffer.alloc(LINK_BYTES);
  header.writeUInt32LE(IFF_UP, 8);
  header.writeUInt32LE(IFF_UP, 12);
  socket.request({
    type: RTM_NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    body: Buffer.concat([header, attributes.finish()]),
    about: `Cannot make network device ${JSON.stringify(name)}`,
  });
}

/** Removes a device, and with it what is paired with it. @throws {NetlinkRefused} */
export function deleteLink(socket: NetlinkSocket, { index, name }: Link): void {
  const header = Buffer.alloc(LINK_BYTES);
  header.writeInt32LE(index, 4);
  const about = `Cannot remove network device ${JSON.stringify(name)}`;
  socket.request({ type: RTM_DELLINK, body: header, about });
}

/**
 * Everything of a family that is not on a link goes by `gateway`, an address of it; undefined: out of the device as it is. @throws {NetlinkRefused}
 */
export function addDefaultRoute(
  socket: NetlinkSocket,
  link: Link,
  gateway: Uint8Array | undefined,
  family = gateway?.length === IPV6_BYTES ? AF_INET6 : AF_INET,
  replaces = false,
): void {
  const header = Buffer.alloc(ROUTE_BYTES);
  const scope = gateway === undefined && family === AF_INET ? RT_SCOPE_LINK : 0;
  header.set([family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST]);
  const attributes = new AttributeBuilder().u32(RTA_OIF, link.index);
  if (gateway !== undefined) attributes.bytes(RTA_GATEWAY, gateway);
  socket.request({
    type: RTM_NEWROUTE,
    flags: NLM_F.CREATE | (replaces ? NLM_F.REPLACE : NLM_F.EXCL),
    body: Buffer.concat([header, attributes.finish()]),
    about: `Cannot add a default route by ${JSON.stringify(link.name)}`,
  });
}

/** The subnets of a family, IPv4 when none is named, that devices (by `index`) of the socket's namespace are in. @throws {NetlinkRefused} */
export function localSubnets(
  socket: NetlinkSocket,
  family = AF_INET,
): { address: Uint8Array; prefixLength: number; index: number }[] {
  const body = Buffer.alloc(ADDRESS_BYTES);
  body.writeUInt8(family, 0);
  return socket
    .request({
      type: RTM_GETADDR,
      flags: NLM_F.DUMP,
      body,
      about: "Cannot list the addresses of this machine",
    })
    .flatMap((answer) => {
      const address = decodeAttributes(answer.subarray(ADDRESS_BYTES)).get(
        family === AF_INET ? IFA_LOCAL : IFA_ADDRESS,
      );
      return address === undefined
        ? []
        : [{ address, prefixLength: answer.readUInt8(1), index: answer.readUInt32LE(4) }];
    });
}
