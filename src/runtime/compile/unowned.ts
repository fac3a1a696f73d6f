/**
 * File systems that show a namespace: the kernel lets only who owns the namespace mount them. A container with a user
 * namespace of its own and, say, the host's network may not mount sysfs; it gets the host's, bound, instead.
 * Source: crun, where runc refuses; user_namespaces(7), sysfs(5).
 */
import type { Mount, Namespace, NamespaceType } from "../../spec/index.ts";

/** Where the host has it, and the namespace that it shows. */
const SHOWS: Readonly<Record<string, readonly [place: string, namespace: NamespaceType]>> = {
  sysfs: ["/sys", "network"],
  proc: ["/proc", "pid"],
};

/** `mounts`, those that would be refused as recursive binds. A joined namespace may belong to the user namespace: it is tried. */
export function bindUnowned(mounts: readonly Mount[], namespaces: readonly Namespace[]): readonly Mount[] {
  const types = new Set(namespaces.map(({ type }) => type));
  if (!types.has("user")) return mounts;
  return mounts.map((mount) => {
    const [place, namespace] = SHOWS[mount.type ?? ""] ?? [];
    if (place === undefined || namespace === undefined || types.has(namespace)) return mount;
    // What is mounted below comes along, and what is read-only is so with all of it.
    const options = (mount.options ?? []).map((option) => (option === "ro" ? "rro" : option));
    return { ...mount, type: "bind", source: place, options: ["rbind", ...options] };
  });
}

/** A container that has no cgroup of its own sees the caller's, and must not change it (2023-25809). */
export function lockCallersCgroup(mounts: readonly Mount[]): readonly Mount[] {
  return mounts.map((mount) =>
    mount.type === "cgroup" || mount.type === "cgroup2"
      ? { ...mount, options: [...(mount.options ?? []).filter((option) => option !== "rw"), "ro"] }
      : mount,
  );
}
