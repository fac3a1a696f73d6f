/** Network devices and their addresses, as the kernel's route netlink has them. Source: rtnetlink(7); linux/if_link.h, if_addr.h. */
import { hasCode } from "../base/index.ts";
import { type NetlinkSocket, NLM_F } from "./netlink.ts";
import { AttributeBuilder, decodeAttributes, decodeText } from "./netlink-attributes.ts";

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
/** `struct ifinfomsg` and `struct ifaddrmsg`. */
const LINK_BYTES = 16;
const ADDRESS_BYTES = 8;
const IFF_UP = 1;
const IFLA_IFNAME = 3;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const IFA_F_PERMANENT = 0x80;

/** A network device. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
}

/** The device `name` of the socket's namespace. @returns undefined where there is none @throws {NetlinkRefused} */
export function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  const attributes = new AttributeBuilder().text(IFLA_IFNAME, name).finish();
  const about = `Cannot look up network device ${JSON.stringify(name)}`;
  try {
    const [body] = socket.request({
      type: RTM_GETLINK,
      body: Buffer.concat([linkHeader(0), attributes]),
      about,
    });
    return body && decodeLink(body);
  } catch (error) {
    if (hasCode(error, "netlink-refused") && error.context["errno"] === "ENODEV") return undefined;
    throw error;
  }
}

/** What of a device is changed. One that moves and cannot have its new name there has moved all the same. */
export interface LinkChange {
  readonly name?: string;
  readonly isUp?: boolean;
  /** Descriptor of the network namespace into which it moves. */
  readonly namespace?: number;
}

/** Changes a device. @throws {NetlinkRefused} */
export function changeLink(socket: NetlinkSocket, { index, name }: Link, change: LinkChange): void {
  const attributes = new AttributeBuilder();
  if (change.name !== undefined) attributes.text(IFLA_IFNAME, change.name);
  if (change.namespace !== undefined) attributes.u32(IFLA_NET_NS_FD, change.namespace);
  const header = linkHeader(index, change.isUp);
  socket.request({
    type: RTM_NEWLINK,
    body: Buffer.concat([header, attributes.finish()]),
    about: `Cannot ${nameOf(change)} network device ${JSON.stringify(name)}`,
  });
}

function nameOf({ namespace, isUp }: LinkChange): string {
  if (namespace !== undefined) return "move";
  return isUp === undefined ? "rename" : isUp ? "set up" : "set down";
}

/** All devices of the socket's namespace: what they are, and by its index the one that they are ports of. @throws {NetlinkRefused} */
export function listLinks(
  socket: NetlinkSocket,
): { readonly index: number; readonly name: string; readonly kind: string; readonly master?: number }[] {
  const about = "Cannot list the network devices of this machine";
  return socket.request({ type: RTM_GETLINK, flags: NLM_F.DUMP, body: linkHeader(0), about }).map((body) => {
    const attributes = decodeAttributes(body.subarray(LINK_BYTES));
    const master = attributes.get(IFLA_MASTER)?.readUInt32LE(0);
    const { index, name } = decodeLink(body);
    return { index, name, kind: kindIn(attributes), ...(master !== undefined && { master }) };
  });
}

function kindIn(attributes: ReadonlyMap<number, Buffer> | undefined): string {
  const info = attributes?.get(IFLA_LINKINFO);
  return decodeText(info && decodeAttributes(info).get(IFLA_INFO_KIND));
}

/** Marks a device, and sets it up: the kernel takes no mark with the device's making. @throws {NetlinkRefused} */
export function markLink(socket: NetlinkSocket, { index, name }: Link, alias: string): void {
  const mark = new AttributeBuilder().text(IFLA_IFALIAS, alias).finish();
  const about = `Cannot mark network device ${JSON.stringify(name)}`;
  socket.request({ type: RTM_NEWLINK, body: Buffer.concat([linkHeader(index, true), mark]), about });
}

/** What a device is: with what it is marked, and its kind (`bridge`, `vlan`); "": nothing. @throws {NetlinkRefused} */
export function natureOf(
  socket: NetlinkSocket,
  { index, name }: Link,
): { readonly alias: string; readonly kind: string } {
  const about = `Cannot look up network device ${JSON.stringify(name)}`;
  const [body] = socket.request({ type: RTM_GETLINK, body: linkHeader(index), about });
  const attributes = body && decodeAttributes(body.subarray(LINK_BYTES));
  return { alias: decodeText(attributes?.get(IFLA_IFALIAS)), kind: kindIn(attributes) };
}

function linkHeader(index: number, isUp?: boolean): Buffer {
  const header = Buffer.alloc(LINK_BYTES);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(isUp ? IFF_UP : 0, 8);
  header.writeUInt32LE(isUp === undefined ? 0 : IFF_UP, 12);
  return header;
}

function decodeLink(body: Buffer): Link {
  return {
    index: body.readInt32LE(4),
    name: decodeText(decodeAttributes(body.subarray(LINK_BYTES)).get(IFLA_IFNAME)),
    isUp: (body.readUInt32LE(8) & IFF_UP) !== 0,
  };
}

/** An address of a device, in the kernel's own form. */
export interface LinkAddress {
  /** AF_INET, AF_INET6. */
  readonly family: number;
  readonly prefixLength: number;
  /** 0 is the whole world; others end at the link or the host. */
  readonly scope: number;
  /** Somebody's setting: neither made by the kernel nor for a limited time. */
  readonly isPermanent: boolean;
  /** Of IPv6: the kernel need not ask whether somebody else has it, and it is in use at once. */
  readonly isUnique?: boolean;
  /** The device's own; `peer` differs on point-to-point links. */
  readonly local: Uint8Array;
  readonly peer: Uint8Array;
  readonly broadcast?: Uint8Array;
}

/** The addresses of a device, of all families. @throws {NetlinkRefused} */
export function addressesOf(socket: NetlinkSocket, { index, name }: Link): LinkAddress[] {
  const body = Buffer.alloc(ADDRESS_BYTES);
  body.writeUInt32LE(index, 4);
  const about = `Cannot list the addresses of network device ${JSON.stringify(name)}`;
  return socket
    .request({ type: RTM_GETADDR, flags: NLM_F.DUMP, body, about })
    .filter((answer) => answer.readUInt32LE(4) === index)
    .map(decodeAddress);
}

function decodeAddress(body: Buffer): LinkAddress {
  const attributes = decodeAttributes(body.subarray(ADDRESS_BYTES));
  const peer = attributes.get(IFA_ADDRESS) ?? Buffer.alloc(0);
  const broadcast = attributes.get(IFA_BROADCAST);
  const flags = attributes.get(IFA_FLAGS)?.readUInt32LE(0) ?? body.readUInt8(2);
  return {
    family: body.readUInt8(0),
    prefixLength: body.readUInt8(1),
    scope: body.readUInt8(3),
    isPermanent: (flags & IFA_F_PERMANENT) !== 0,
    local: attributes.get(IFA_LOCAL) ?? peer,
    peer,
    ...(broadcast && { broadcast }),
  };
}

/** Gives a device an address. One that it has already is no failure. @throws {NetlinkRefused} */
export function addAddress(socket: NetlinkSocket, { index, name }: Link, address: LinkAddress): void {
  const header = Buffer.alloc(ADDRESS_BYTES);
  header.writeUInt8(address.family, 0);
  header.writeUInt8(address.prefixLength, 1);
  header.writeUInt8(address.scope, 3);
  header.writeUInt32LE(index, 4);
  const attributes = new AttributeBuilder().bytes(IFA_LOCAL, address.local).bytes(IFA_ADDRESS, address.peer);
  if (address.broadcast !== undefined) attributes.bytes(IFA_BROADCAST, address.broadcast);
  if (address.isUnique === true) attributes.u32(IFA_FLAGS, IFA_F_NODAD);
  try {
    socket.request({
      type: RTM_NEWADDR,
      flags: NLM_F.CREATE | NLM_F.EXCL,
      body: Buffer.concat([header, attributes.finish()]),
      about: `Cannot add an address to network device ${JSON.stringify(name)}`,
    });
  } catch (error) {
    if (!hasCode(error, "netlink-refused") || error.context["errno"] !== "EEXIST") throw error;
  }
}
