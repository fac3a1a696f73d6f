/**
 * Namespaces that a container has joined: CRIU leaves those of network and processes alone, which it knows by a name in
 * the dump and by a descriptor in the restore, and joins the others again. Source: criu.org, External namespaces; runc
 * checkpoint, restore.
 */
import type { NamespaceType, RuntimeConfig } from "../../spec/index.ts";
import { statSync } from "../../sys/index.ts";
import { NAMESPACE_FILES, openNamespace } from "../machine/namespace-file.ts";
import { CriuLacks } from "./errors.ts";
import type { CriuOptions } from "./messages.ts";
import { requireVersion } from "./process.ts";

/** Which CRIU can leave them alone, and the names that runc gives them. */
const EXTERNAL: Readonly<Partial<Record<NamespaceType, { readonly since: number; readonly key: string }>>> = {
  network: { since: 31_100, key: "extRootNetNS" },
  pid: { since: 31_500, key: "extRootPidNS" },
};

interface Joined {
  readonly type: NamespaceType;
  readonly path: string;
  readonly field: string;
}

function joined({ linux }: RuntimeConfig): Joined[] {
  return (linux?.namespaces ?? []).flatMap(({ type, path }, index) =>
    path ? [{ type, path, field: `linux.namespaces[${index}].path` }] : [],
  );
}

/** For the dump: `net[4026532008]:extRootNetNS`. @throws {CriuLacks} {SystemCallFailed} */
export function externalNamespaces(config: RuntimeConfig, version: number): string[] {
  return joined(config).flatMap(({ type, path, field }) => {
    const external = EXTERNAL[type];
    if (external === undefined) return [];
    requireVersion(version, external.since, field);
    return [`${NAMESPACE_FILES[type]}[${statSync(path).inode}]:${external.key}`];
  });
}

/** For the restore. The caller closes the descriptors. */
export interface NamespacesToRestore {
  readonly inherited: readonly { readonly key: string; readonly descriptor: number }[];
  readonly join_ns: NonNullable<CriuOptions["join_ns"]>;
}

/** Opens what CRIU is to inherit; each is passed to `onOpen` at once. @throws {CriuLacks} {CannotJoinNamespace} */
export function namespacesToRestore(
  config: RuntimeConfig,
  version: number,
  onOpen: (descriptor: number) => void,
): NamespacesToRestore {
  const inherited: { key: string; descriptor: number }[] = [];
  const join_ns: { ns: string; ns_file: string }[] = [];
  for (const { type, path, field } of joined(config)) {
    const external = EXTERNAL[type];
    if (type === "cgroup") throw new CriuLacks({ what: field, why: "CRIU cannot join a cgroup namespace" });
    if (external === undefined) {
      join_ns.push({ ns: NAMESPACE_FILES[type], ns_file: path });
      continue;
    }
    requireVersion(version, external.since, field);
    const descriptor = openNamespace(field, path, type);
    onOpen(descriptor);
    inherited.push({ key: external.key, descriptor });
  }
  return { inherited, join_ns };
}
