/** Whether root is root of the machine, or of a user namespace alone. Source: user_namespaces(7). */
import { readTextSync, statSync } from "./files.ts";

/** The inode of the user namespace that was there first. Source: kernel linux/proc_ns.h, PROC_USER_INIT_INO. */
const FIRST_USER_NAMESPACE = 0xeffffffd;

let isIn: boolean | undefined;

/** Whether the caller is in a user namespace itself (a plain user's): root there makes no devices. A process stays where it is. */
export function isInUserNamespace(): boolean {
  isIn ??= statSync("/proc/self/ns/user").inode !== FIRST_USER_NAMESPACE;
  return isIn;
}

/** Who `uid` is outside of the user namespace that we are in: as it is, where we are in none, or where nobody outside is it. */
export function uidOutside(uid: number): number {
  for (const line of readTextSync("/proc/self/uid_map").trim().split("\n")) {
    const [inside = 0, outside = 0, size = 0] = line.trim().split(/\s+/).map(Number);
    if (uid >= inside && uid < inside + size) return uid - inside + outside;
  }
  return uid;
}
