/**
 * The root of a container whose users are not the host's: the overlay of its layers, each of which the kernel sees with its ids mapped, the
 * writable one too. On disk they are as those of any other container: what is committed, compared or shown to another has no other ids.
 * Source: mount_setattr(2), ID-mapped mounts; kernel Documentation/filesystems/idmappings.rst, overlayfs.rst.
 */
import { closeSync } from "node:fs";
import { join, relative } from "node:path";
import { type HostPath, hasCode, TeuError } from "../../base/index.ts";
import { makeUserNamespace, mapMount } from "../../runtime/index.ts";
import { check, cString, syscall } from "../../sys/index.ts";
import { attachMount } from "../mount/calls.ts";
import { closePlace, makePlace } from "../mount/places.ts";
import { mountOverlay, type Overlay } from "../snapshot/overlay.ts";
import type { ContainerUsers } from "../store/containers.ts";
import { hostID } from "./process.ts";

const AT_FDCWD = -100;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const SECBIT_NO_SETUID_FIXUP = 4;

/** The kernel does not map ids of the file system below the store. */
export class CannotMapIDs extends TeuError<"cannot-map-ids", { path: string }> {
  constructor(context: { path: string }, cause: unknown) {
    super(
      "cannot-map-ids",
      "unsupported",
      context,
      `Cannot give the container users of its own: on this kernel the file system of ${JSON.stringify(context.path)} cannot map ids`,
      {
        cause,
        hint: "ext4, xfs and btrfs can, below an overlay with Linux 5.19 and later, and tmpfs with 6.3: put TEU_ROOT on one of them",
      },
    );
  }
}

/**
 * Mounts `overlay` with ids as `users` has them.
 * @param place  A directory for the moment in between, which is made, and gone when this returns.
 * @throws {CannotMapIDs} {MountFailed}
 */
export function mountMapped(overlay: Overlay, users: ContainerUsers, place: HostPath): void {
  const { base, lower, writable } = overlay;
  // One mount of all layers is mapped, and they are parts of it.
  const mapped = (path: HostPath) =>
    (path.startsWith(`${base}/`) ? join(place, relative(base, path)) : path) as HostPath;
  makePlace(place);
  try {
    attachMapped(base, users, place);
    asRootOf(users, () =>
      mountOverlay({
        ...overlay,
        base: place,
        lower: lower.map(mapped),
        ...(writable && {
          writable: { ...writable, upper: mapped(writable.upper), work: mapped(writable.work) },
        }),
      }),
    );
  } finally {
    closePlace(place);
  }
}

function attachMapped(base: HostPath, { uids, gids }: ContainerUsers, place: HostPath): void {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  const tree = check(syscall("open_tree", AT_FDCWD, cString(base), flags), "open_tree", base);
  try {
    const namespace = makeUserNamespace(uids, gids);
    try {
      mapMount(tree, base, namespace, false);
    } catch (error) {
      throw hasCode(error, "system-call-failed") && error.context["errno"] === "EINVAL"
        ? new CannotMapIDs({ path: base }, error)
        : error;
    } finally {
      closeSync(namespace);
    }
    attachMount(tree, place);
  } finally {
    closeSync(tree);
  }
}

/**
 * Does `work` with the file ids of the container's root and all rights of our own. What overlayfs makes for itself, its work directory and
 * whiteouts, it makes as who has mounted it, and in a mount with mapped ids nobody makes anything whose ids are not among them: it would be
 * mounted read-only. Of this thread alone, which does nothing else meanwhile. Source: setfsuid(2), capabilities(7), SECBIT_NO_SETUID_FIXUP.
 */
export function asRootOf<T>({ uids, gids }: ContainerUsers, work: () => T): T {
  const before = check(syscall("prctl", PR_GET_SECUREBITS, 0, 0, 0, 0), "prctl", "PR_GET_SECUREBITS");
  const set = (bits: number, uid: number, gid: number) => {
    // Else the rights over files would go with the id 0.
    check(syscall("prctl", PR_SET_SECUREBITS, bits, 0, 0, 0), "prctl", "PR_SET_SECUREBITS");
    syscall("setfsgid", gid);
    syscall("setfsuid", uid);
  };
  set(before | SECBIT_NO_SETUID_FIXUP, rootOf(uids), rootOf(gids));
  try {
    return work();
  } finally {
    set(before | SECBIT_NO_SETUID_FIXUP, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
    check(syscall("prctl", PR_SET_SECUREBITS, before, 0, 0, 0), "prctl", "PR_SET_SECUREBITS");
  }
}

/** Who 0 is on the host. Maps without it are refused where they are parsed. */
export function rootOf(maps: ContainerUsers["uids"]): number {
  return hostID(maps, 0) ?? 0;
}
