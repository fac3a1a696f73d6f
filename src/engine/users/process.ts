/** A process among a container's own users: who it may be, and what of ours becomes its own. */
import { readlinkSync } from "node:fs";
import type { IDMapping, User } from "../../spec/index.ts";
import { check, syscall } from "../../sys/index.ts";
import { InvalidOption } from "../options/error.ts";
import type { ContainerUsers } from "../store/containers.ts";

/** The process has to be somebody. @throws {InvalidOption} */
export function checkMapped({ uids, gids }: ContainerUsers, user: User): void {
  const refuse = (what: string, id: number) => {
    throw new InvalidOption(
      { option: "--user", value: `${id}` },
      `Cannot run as ${what} ${id}: the container's user namespace does not map it`,
    );
  };
  if (!isMapped(uids, user.uid)) refuse("user", user.uid);
  for (const gid of [user.gid, ...(user.additionalGids ?? [])])
    if (!isMapped(gids, gid)) refuse("group", gid);
}

/** Whether the container has `id`. */
export function isMapped(maps: readonly IDMapping[], id: number): boolean {
  return hostID(maps, id) !== undefined;
}

/** What `id` of the container's is on the host; undefined: it has no such id. */
export function hostID(maps: readonly IDMapping[], id: number): number | undefined {
  const found = maps.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return found && found.hostID + id - found.containerID;
}

/** Makes pipes that `user` is given its own, so that it can open /dev/stderr: from within nobody can. One that has a name on the host stays whose it is. */
export function giveStreams({ uids }: ContainerUsers, user: User, streams: readonly number[]): void {
  const uid = hostID(uids, user.uid);
  if (uid === undefined) return;
  for (const stream of new Set(streams))
    if (readlinkSync(`/proc/self/fd/${stream}`).startsWith("pipe:"))
      check(syscall("fchown", stream, uid, -1), "fchown", `${stream}`);
}
