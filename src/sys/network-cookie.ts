/** What tells a network namespace from all others. Source: linux/socket.h, SO_NETNS_COOKIE (Linux 5.14). */
import { readlinkSync } from "node:fs";
import { syscall } from "./binding.ts";
import { check, errno } from "./errno.ts";
import type { NetlinkSocket } from "./netlink.ts";

const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

/** A name for the network namespace of `socket`, this thread's. No other one gets it before the next boot; before Linux 5.14, while it is there. */
export function networkCookie({ descriptor }: NetlinkSocket): string {
  const cookie = new BigUint64Array(new ArrayBuffer(8));
  const length = Uint32Array.of(cookie.byteLength);
  const result = syscall("getsockopt", descriptor, SOL_SOCKET, SO_NETNS_COOKIE, cookie, length);
  if (result === -errno.ENOPROTOOPT) return readlinkSync("/proc/thread-self/ns/net");
  check(result, "getsockopt", "SO_NETNS_COOKIE");
  return `${cookie[0]}`;
}
