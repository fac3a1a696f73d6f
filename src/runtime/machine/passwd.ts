/** The home directory of a user, from the container's own /etc/passwd, read below its root's descriptor. */
import { openInRootSync, readCapped } from "./in-root.ts";

const MAX_PASSWD_BYTES = 4 << 20;

/** Field 6 of the first line whose uid fits; "/" where there is none, as runc does. Source: passwd(5). */
export function homeOf(root: number, uid: number): string {
  const descriptor = openInRootSync(root, "etc/passwd", "read");
  if (descriptor === undefined) return "/";
  const text = readCapped(descriptor, MAX_PASSWD_BYTES);
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields.length >= 6 && fields[2] === String(uid)) return fields[5] || "/";
  }
  return "/";
}
