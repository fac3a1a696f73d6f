/** Whether root is root of the machine, or of a user namespace alone. Source: user_namespaces(7). */
import { statSync } from "./files.ts";

/** The inode of the user namespace that was there first. Source: kernel linux/proc_ns.h, PROC_USER_INIT_INO. */
const FIRST_USER_NAMESPACE = 0xeffffffd;

let isIn: boolean | undefined;

/** Whether the caller is in a user namespace itself (a plain user's): root there makes no devices. A process stays where it is. */
export function isInUserNamespace(): boolean {
  isIn ??= statSync("/proc/self/ns/user").inode !== FIRST_USER_NAMESPACE;
  return isIn;
}
