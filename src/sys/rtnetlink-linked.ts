/** Makes network devices that share another one: macvlan, ipvlan, vlan; and one that leads nowhere. Source: linux/if_link.h, macvlan.c, ipvlan_main.c. */
import { type NetlinkSocket, NLM_F } from "./netlink.ts";
import { AttributeBuilder } from "./netlink-attributes.ts";
import { findLink, type Link, markLink } from "./rtnetlink.ts";

const RTM_NEWLINK = 16;
const LINK_BYTES = 16;
const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
/** The first attribute of each kind. */
const IFLA_MODE = 1;
const IFLA_VLAN_ID = 1;

/** How devices on one parent see each other, by the words of ip-link(8). */
export const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;

/** A device on a parent of the socket's namespace. */
export type LinkedDevice = {
  readonly name: string;
  readonly parent: Link;
  /** Where it is born; with it, it goes. */
  readonly namespace: number;
} & (
  | {
      readonly kind: "macvlan";
      readonly mode: keyof typeof MACVLAN_MODES;
      /** Six bytes. */
      readonly hardwareAddress: Uint8Array;
    }
  // It has its parent's hardware address.
  | { readonly kind: "ipvlan"; readonly mode: keyof typeof IPVLAN_MODES }
);

/** Makes it, not yet up. @throws {NetlinkRefused} */
export function createLinkedDevice(socket: NetlinkSocket, device: LinkedDevice): void {
  const { name, parent, namespace } = device;
  const attributes = new AttributeBuilder()
    .text(IFLA_IFNAME, name)
    .u32(IFLA_LINK, parent.index)
    .u32(IFLA_NET_NS_FD, namespace);
  const mode = new AttributeBuilder();
  // `passthru` gives the parent itself away, with its address.
  if (device.kind === "macvlan" && device.mode !== "passthru")
    attributes.bytes(IFLA_ADDRESS, device.hardwareAddress);
  if (device.kind === "macvlan") mode.u32(IFLA_MODE, MACVLAN_MODES[device.mode]);
  else mode.bytes(IFLA_MODE, Uint8Array.of(IPVLAN_MODES[device.mode], 0));
  attributes.nested(IFLA_LINKINFO, (info) =>
    info.text(IFLA_INFO_KIND, device.kind).bytes(IFLA_INFO_DATA | 0x8000, mode.finish()),
  );
  create(
    socket,
    `${device.kind} device ${JSON.stringify(name)} on ${JSON.stringify(parent.name)}`,
    attributes,
    false,
  );
}

/** Makes a device of the parent's VLAN `id`, up, marked with `alias`. @throws {NetlinkRefused} */
export function createVlan(
  socket: NetlinkSocket,
  {
    name,
    parent,
    id,
    alias,
  }: { readonly name: string; readonly parent: Link; readonly id: number; readonly alias: string },
): Link {
  const attributes = new AttributeBuilder()
    .text(IFLA_IFNAME, name)
    .u32(IFLA_LINK, parent.index)
    .nested(IFLA_LINKINFO, (info) =>
      info
        .text(IFLA_INFO_KIND, "vlan")
        .nested(IFLA_INFO_DATA, (data) => data.bytes(IFLA_VLAN_ID, Uint8Array.of(id & 255, id >> 8))),
    );
  const made = created(socket, name, attributes, false);
  markLink(socket, made, alias);
  return made;
}

/** Makes a device that leads nowhere, up. One of that name that is there is taken as it is. @throws {NetlinkRefused} */
export function createDummy(socket: NetlinkSocket, name: string): Link {
  const present = findLink(socket, name);
  if (present !== undefined) return present;
  const attributes = new AttributeBuilder()
    .text(IFLA_IFNAME, name)
    .nested(IFLA_LINKINFO, (info) => info.text(IFLA_INFO_KIND, "dummy"));
  return created(socket, name, attributes, true);
}

function created(socket: NetlinkSocket, name: string, attributes: AttributeBuilder, isUp: boolean): Link {
  create(socket, `network device ${JSON.stringify(name)}`, attributes, isUp);
  const made = findLink(socket, name);
  if (made === undefined) throw new RangeError(`The kernel made ${name}, and it is not there`);
  return made;
}

function create(socket: NetlinkSocket, what: string, attributes: AttributeBuilder, isUp: boolean): void {
  const header = Buffer.alloc(LINK_BYTES);
  header.writeUInt32LE(isUp ? IFF_UP : 0, 8);
  header.writeUInt32LE(isUp ? IFF_UP : 0, 12);
  socket.request({
    type: RTM_NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    body: Buffer.concat([header, attributes.finish()]),
    about: `Cannot make ${what}`,
  });
}
