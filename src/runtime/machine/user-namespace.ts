/**
 * A user namespace with given maps, as a descriptor: a process has to make it and somebody has to write its maps, so init makes it, and is
 * killed as soon as the namespace is held. And the ids of a mount, mapped as such a namespace maps them.
 * Source: user_namespaces(7); mount_setattr(2), ID-mapped mounts.
 */
import type { IDMapping } from "../../spec/index.ts";
import { check, cString, syscall } from "../../sys/index.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  CLONE_NEWUSER,
  MOUNT_ATTR_BYTES,
  MOUNT_ATTR_IDMAP,
  O_CLOEXEC,
} from "../compile/constants.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { Helper } from "./helper.ts";
import { writeIDMaps } from "./id-maps.ts";

/** A descriptor of a user namespace with these maps. The caller closes it. @throws {ProcFileRefused} {IDMapRefused} */
export function makeUserNamespace(
  uidMappings: readonly IDMapping[],
  gidMappings: readonly IDMapping[],
): number {
  const plan = new PlanBuilder();
  plan.sync("id-maps");
  using helper = new Helper(plan.finish(), CLONE_NEWUSER);
  writeIDMaps(helper.pid, uidMappings, gidMappings, {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
  });
  return openNamespaceFile(`/proc/${helper.pid}/ns/user`);
}

/** A descriptor of the namespace that `path` names. The caller closes it. */
export function openNamespaceFile(path: string): number {
  return check(syscall("openat", AT_FDCWD, cString(path), O_CLOEXEC), "openat", path);
}

/** Maps the ids of the mount `tree`, which is nowhere yet, and of those below it if `recursive`. @throws {SystemCallFailed} */
export function mapMount(tree: number, path: string, namespace: number, recursive: boolean): void {
  const attr = BigUint64Array.of(BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, BigInt(namespace));
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  const result = syscall("mount_setattr", tree, cString(""), flags, attr, MOUNT_ATTR_BYTES);
  check(result, "mount_setattr MOUNT_ATTR_IDMAP", path);
}
