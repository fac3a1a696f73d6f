/** The connections that the kernel tracks, to which its packet filter does once for all what it did to their first packet. Source: linux/netfilter/nfnetlink_conntrack.h. */
import { hasCode } from "../base/index.ts";
import { NetlinkSocket, NLM_F, openNetlink } from "./netlink.ts";
import { AttributeBuilder, decodeAttributes } from "./netlink-attributes.ts";

const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_CTNETLINK = 1 << 8;
const [IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE] = [1, 2];
const [AF_INET, AF_INET6] = [2, 10];
const NFGENMSG_BYTES = 4;
const CTA = { tupleOrig: 1, tupleReply: 2, id: 12, zone: 18, filter: 25 };
const CTA_TUPLE = { ip: 1, proto: 2 };
const CTA_IP_SRC = { 4: 1, 16: 3 } as Readonly<Record<number, number>>; // by the bytes of an address
const CTA_PROTO = { num: 1, dstPort: 3 };
const CTA_FILTER = { origFlags: 1, replyFlags: 2 };
/** What of a tuple counts; kernels before 5.8 take no notice, and tell of all. */
const FILTER = { source: 1, protocol: 8 };
/** Numbers of protocols. */
const PROTOCOLS = { udp: 17, sctp: 132 } as const;

/** Which of this thread's network namespace. */
export type WhichConnections =
  /** Those that this address answers, whoever was asked. */
  | { readonly answeredBy: Uint8Array }
  /** Those that ask these ports, whoever answers. */
  | {
      readonly family: "ip" | "ip6";
      readonly protocol: keyof typeof PROTOCOLS;
      readonly ports: ReadonlySet<number>;
    };

/** Has the kernel forget connections: the next packet of each is one of a new one. A kernel that tracks none has none. @throws {NetlinkRefused} */
export function forgetConnections(which: WhichConnections): void {
  using socket = new NetlinkSocket(openNetlink(NETLINK_NETFILTER));
  const isIPv6 = "answeredBy" in which ? which.answeredBy.length === 16 : which.family === "ip6";
  const header = Uint8Array.of(isIPv6 ? AF_INET6 : AF_INET, 0, 0, 0);
  for (const connection of list(socket, header, which)) {
    if (!isMeant(connection, which)) continue;
    const name = new AttributeBuilder();
    for (const type of [CTA.tupleOrig, CTA.zone, CTA.id]) {
      const value = connection.get(type);
      if (value !== undefined) name.bytes(type === CTA.tupleOrig ? type | 0x8000 : type, value);
    }
    ask(socket, IPCTNL_MSG_CT_DELETE, 0, Buffer.concat([header, name.finish()]), ["ENOENT"]);
  }
}

type Connection = ReadonlyMap<number, Buffer>;

function list(socket: NetlinkSocket, header: Uint8Array, which: WhichConnections): Connection[] {
  const filter = new AttributeBuilder();
  if ("answeredBy" in which) {
    const { answeredBy } = which;
    const type = CTA_IP_SRC[answeredBy.length] ?? 0;
    filter
      .nested(CTA.tupleReply, (tuple) => tuple.nested(CTA_TUPLE.ip, (ip) => ip.bytes(type, answeredBy)))
      .nested(CTA.filter, (flags) => flags.u32(CTA_FILTER.replyFlags, FILTER.source));
  } else
    filter
      .nested(CTA.tupleOrig, (tuple) =>
        tuple.nested(CTA_TUPLE.proto, (proto) => proto.u8(CTA_PROTO.num, PROTOCOLS[which.protocol])),
      )
      .nested(CTA.filter, (flags) => flags.u32(CTA_FILTER.origFlags, FILTER.protocol));
  const body = Buffer.concat([header, filter.finish()]);
  // Who has no such part, or cannot load it, tracks nothing that could be told of.
  const answers = ask(socket, IPCTNL_MSG_CT_GET, NLM_F.DUMP, body, ["EINVAL", "EOPNOTSUPP"]);
  return answers.map((answer) => decodeAttributes(answer.subarray(NFGENMSG_BYTES)));
}

function isMeant(connection: Connection, which: WhichConnections): boolean {
  if ("answeredBy" in which) {
    const ip = inside(inside(connection, CTA.tupleReply), CTA_TUPLE.ip);
    return ip.get(CTA_IP_SRC[which.answeredBy.length] ?? 0)?.equals(which.answeredBy) ?? false;
  }
  const proto = inside(inside(connection, CTA.tupleOrig), CTA_TUPLE.proto);
  const port = proto.get(CTA_PROTO.dstPort)?.readUInt16BE(0) ?? 0;
  return proto.get(CTA_PROTO.num)?.[0] === PROTOCOLS[which.protocol] && which.ports.has(port);
}

function inside(attributes: Connection, type: number): Connection {
  return decodeAttributes(attributes.get(type) ?? Buffer.alloc(0));
}

/** @param none  Refusals that mean that there is nothing */
function ask(
  socket: NetlinkSocket,
  message: number,
  flags: number,
  body: Uint8Array,
  none: readonly string[],
): Buffer[] {
  const about = "Cannot forget connections that the kernel tracks";
  try {
    return socket.request({ type: NFNL_SUBSYS_CTNETLINK | message, flags, body, about });
  } catch (error) {
    if (!hasCode(error, "netlink-refused") || !none.includes(`${error.context["errno"]}`)) throw error;
    return [];
  }
}
