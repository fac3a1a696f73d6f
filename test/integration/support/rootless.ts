/**
 * Containers of a plain user: the runtime is called by them, and bundle and state are theirs. The user is made by number
 * alone; where files of /etc have to know of them, each call sees its own copies, in a mount namespace that ends with it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { IDMapping } from "../../../src/spec/index.ts";
import type { Change } from "./bundle.ts";
import { Container, type Runtime } from "./runtime.ts";

export const UID = 64_321;
export const FIRST_SUBORDINATE = 300_000;

/** How the user calls a program. */
export const ALONE: readonly string[] = [
  "setpriv",
  `--reuid=${UID}`,
  `--regid=${UID}`,
  "--clear-groups",
  "--",
];

/** The user with ranges of ids: the set-uid programs look into /etc. */
export function withRanges(folder: string): string[] {
  const ranges = `${UID}:${FIRST_SUBORDINATE}:65536\n`;
  for (const [name, text] of [
    ["passwd", `root:x:0:0::/root:/bin/sh\nteu-test:x:${UID}:${UID}::/:/bin/sh\n`],
    ["subuid", ranges],
    ["subgid", ranges],
  ] as const)
    writeFileSync(join(folder, name), text);
  const binds = ["passwd", "subuid", "subgid"].map((name) => `mount --bind ${folder}/${name} /etc/${name}`);
  return ["unshare", "--mount", "sh", "-c", `${binds.join(" && ")} && exec "$@"`, "sh", ...ALONE];
}

/** A container of the user: the runtime is called by them, and bundle and state are theirs. */
export class UserContainer extends Container {
  constructor(runtime: Runtime, prefix: (folder: string) => readonly string[] = () => ALONE) {
    const folder = mkdtempSync(join(tmpdir(), "teu-rootless-"));
    super({ name: runtime.name, command: [...prefix(folder), ...runtime.command] });
    this.folder = folder;
    for (const path of [this.bundle.path, dirname(this.stateFolder)])
      Bun.spawnSync(["chown", "-R", `${UID}:${UID}`, path]);
  }

  readonly folder: string;

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const id = (containerID: number, hostID: number, size: number): IDMapping => ({
  containerID,
  hostID,
  size,
});
export const oneID: readonly IDMapping[] = [id(0, UID, 1)];
export const manyIDs: readonly IDMapping[] = [id(0, UID, 1), id(1, FIRST_SUBORDINATE, 65_535)];

/** As `spec --rootless` has it: no network of its own, /sys from outside, no limits, no ids that are not mapped. */
export function rootless(map: readonly IDMapping[]): Change {
  return (config) => {
    const { resources: _, namespaces = [], ...linux } = config.linux ?? {};
    const mounts = (config.mounts ?? []).map((mount) =>
      mount.destination === "/sys"
        ? {
            destination: "/sys",
            type: "none",
            source: "/sys",
            options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
          }
        : {
            ...mount,
            ...(mount.options && { options: mount.options.filter((option) => !/^[ug]id=/.test(option)) }),
          },
    );
    const kept = namespaces.filter(({ type }) => type !== "network");
    return {
      ...config,
      mounts,
      linux: { ...linux, namespaces: [...kept, { type: "user" }], uidMappings: map, gidMappings: map },
    };
  };
}
