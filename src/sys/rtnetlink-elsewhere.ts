/**
 * Devices in network namespaces that nobody has a descriptor of any more. The kernel keeps such a namespace as long as connections that have not
 * ended properly are in it, with its devices. It is found by a number that another namespace has for it, which keeps nothing.
 * Source: linux/net_namespace.h, RTM_NEWNSID; linux/if_link.h, IFLA_TARGET_NETNSID (Linux 4.20).
 */
import { hasCode } from "../base/index.ts";
import { type NetlinkSocket, NLM_F } from "./netlink.ts";
import { AttributeBuilder, decodeAttributes, decodeText } from "./netlink-attributes.ts";

const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;
const IFLA_IFNAME = 3;
const IFLA_IFALIAS = 20;
const IFLA_TARGET_NETNSID = 46;
const LINK_BYTES = 16;
/** `struct rtgenmsg`, aligned. */
const GENERAL_BYTES = 4;
/** The kernel chooses. */
const ANY = -1;

/** Gives the namespace of a descriptor a number in that of `socket`, if it has none. @throws {NetlinkRefused} */
export function numberNamespace(socket: NetlinkSocket, namespace: number): void {
  const attributes = new AttributeBuilder().u32(NETNSA_NSID, ANY).u32(NETNSA_FD, namespace).finish();
  const body = Buffer.concat([Buffer.alloc(GENERAL_BYTES), attributes]);
  try {
    socket.request({ type: RTM_NEWNSID, body, about: "Cannot number a network namespace" });
  } catch (error) {
    if (!hasCode(error, "netlink-refused") || error.context["errno"] !== "EEXIST") throw error;
  }
}

/** Removes the device `name` that is marked with `alias`, in whatever namespace with a number it is. @throws {NetlinkRefused} */
export function deleteMarkedElsewhere(socket: NetlinkSocket, name: string, alias: string): void {
  for (const number of numbers(socket)) {
    const index = findMarked(socket, number, name, alias);
    if (index === undefined) continue;
    const header = Buffer.alloc(LINK_BYTES);
    header.writeInt32LE(index, 4);
    const target = new AttributeBuilder().u32(IFLA_TARGET_NETNSID, number).finish();
    const about = `Cannot remove network device ${JSON.stringify(name)} of a container that has ended`;
    unlessGone(() => socket.request({ type: RTM_DELLINK, body: Buffer.concat([header, target]), about }));
  }
}

function numbers(socket: NetlinkSocket): number[] {
  const about = "Cannot list network namespaces";
  const body = Buffer.alloc(GENERAL_BYTES);
  return socket
    .request({ type: RTM_GETNSID, flags: NLM_F.DUMP, body, about })
    .map((answer) => decodeAttributes(answer.subarray(GENERAL_BYTES)).get(NETNSA_NSID)?.readInt32LE() ?? ANY)
    .filter((number) => number >= 0);
}

function findMarked(socket: NetlinkSocket, number: number, name: string, alias: string): number | undefined {
  const attributes = new AttributeBuilder().u32(IFLA_TARGET_NETNSID, number).text(IFLA_IFNAME, name).finish();
  const body = Buffer.concat([Buffer.alloc(LINK_BYTES), attributes]);
  const about = `Cannot look up network device ${JSON.stringify(name)} of a container`;
  const [answer] = unlessGone(() => socket.request({ type: RTM_GETLINK, body, about })) ?? [];
  if (answer === undefined) return undefined;
  const mark = decodeText(decodeAttributes(answer.subarray(LINK_BYTES)).get(IFLA_IFALIAS));
  return mark === alias ? answer.readInt32LE(4) : undefined;
}

/** A namespace of that number may have gone meanwhile, and has not such a device in most cases. */
function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, "netlink-refused") && ["ENODEV", "EINVAL"].includes(`${error.context["errno"]}`))
      return undefined;
    throw error;
  }
}
