/** Whether somebody is at the other end of what we write to, without writing. Source: poll(2), POLLERR, POLLHUP. */
import { syscall } from "./binding.ts";

const POLLERR = 8;
const POLLHUP = 16;
const CLOSED = POLLERR | POLLHUP;

/** Whether `descriptor` is a pipe, a socket or a terminal whose other end is closed. */
export function isOtherEndClosed(descriptor: number): boolean {
  const asked = Int32Array.of(descriptor, 0);
  // At once: the time to wait is zero.
  if (syscall("ppoll", asked, 1, new BigInt64Array(2), 0) <= 0) return false;
  return (((asked[1] ?? 0) >> 16) & CLOSED) !== 0;
}
