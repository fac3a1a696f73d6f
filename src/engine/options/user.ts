/** `user[:group]` as people write it, found in a container's own files. */
import { type ByteString, resolveUser, rootFileReader } from "../../image/index.ts";
import type { User } from "../../spec/index.ts";
import { layerFiles } from "../../sys/index.ts";

/** Looks names up below `rootfs`. An empty text is root. */
export function userOf(user: string, rootfs: string): User {
  const { uid, gid, additionalGids } = resolveUser(user, rootFileReader(layerFiles<ByteString>(), rootfs));
  // The group itself too: setgroups would drop it, and with it what a file denies to that group (CVE-2022-36109).
  return { uid, gid, additionalGids: [...new Set([gid, ...additionalGids])] };
}
