/** What the kernel's packet filter has. Source: linux/netfilter/nfnetlink.h, nf_tables.h. */
import { hasCode } from "../base/index.ts";
import { NetlinkSocket, openNetlink } from "./netlink.ts";
import { AttributeBuilder } from "./netlink-attributes.ts";

const NETLINK_NETFILTER = 12;
const NFT_MSG_GETTABLE = (10 << 8) | 1;
const FAMILIES = { inet: 1, ip: 2, ip6: 10 } as const;
const NFTA_TABLE_NAME = 1;

/** Whether there is a table of that name and family in this thread's network namespace. A kernel that cannot say has none. */
export function hasFilterTable(name: string, family: keyof typeof FAMILIES = "inet"): boolean {
  using socket = new NetlinkSocket(openNetlink(NETLINK_NETFILTER));
  const header = Uint8Array.of(FAMILIES[family], 0, 0, 0);
  const body = Buffer.concat([header, new AttributeBuilder().text(NFTA_TABLE_NAME, name).finish()]);
  const about = `Cannot look up table ${JSON.stringify(name)} of the packet filter`;
  try {
    socket.request({ type: NFT_MSG_GETTABLE, body, about });
    return true;
  } catch (error) {
    if (!hasCode(error, "netlink-refused")) throw error;
    return false;
  }
}
