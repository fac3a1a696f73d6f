/** `spec`: writes a config.json to begin with, the one that runc writes. */

import { TeuError } from "../../base/index.ts";
import type { Linux, Mount, RuntimeConfig } from "../../spec/index.ts";
import { existsSync, O, writeTextSync } from "../../sys/index.ts";
import { readCgroupLayout } from "../cgroup/layout.ts";
import { BUNDLE_FLAG, runtimeCommand, SPEC_VERSION } from "./context.ts";

/** There is one already. The words are runc's. */
export class ConfigExists extends TeuError<"config-exists", { path: string }> {
  constructor(context: { path: string }) {
    super("config-exists", "already-exists", context, "File config.json exists. Remove it first");
  }
}

export const spec = runtimeCommand({
  name: "spec",
  summary: "create a new specification file",
  description: `The spec command creates a new specification file named "config.json" for a bundle. It is a
   starting point: change it to fit the root file system and the program in it.`,
  flags: {
    bundle: BUNDLE_FLAG,
    rootless: { kind: "boolean", summary: "generate a configuration for a rootless container" },
  },
  arguments: [],
  examples: [{ command: "runc spec", says: "Write config.json for a bundle in the current directory" }],
  run({ flags: { bundle, rootless } }) {
    const path = `${bundle}/config.json`;
    if (existsSync(path)) throw new ConfigExists({ path });
    const config = exampleConfig(readCgroupLayout().v1.length === 0);
    writeTextSync(path, encodeConfig(rootless ? asRootless(config) : config), {
      flags: O.WRONLY | O.CREAT | O.EXCL,
    });
    return 0;
  },
});

/** As Go's encoder: tabs, no newline at the end. */
export function encodeConfig(config: RuntimeConfig): string {
  return JSON.stringify(config, undefined, "\t");
}

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/** The keys are in the order of runc's file. @param hasCgroupNamespace  On pure v2, where it is of use. */
export function exampleConfig(
  hasCgroupNamespace: boolean,
): RuntimeConfig & { readonly linux: Linux; readonly mounts: readonly Mount[] } {
  const types = [
    "pid",
    "network",
    "ipc",
    "uts",
    "mount",
    ...(hasCgroupNamespace ? ["cgroup" as const] : []),
  ] as const;
  return {
    ociVersion: SPEC_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
      },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
      },
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
      },
    ],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: types.map((type) => ({ type })),
      maskedPaths: [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/sys/firmware",
        "/proc/scsi",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

/** For a user who may not do what root may: a user namespace, the host's network, no limits, /sys from outside. */
function asRootless(config: ReturnType<typeof exampleConfig>): RuntimeConfig {
  const { resources: _, namespaces = [], ...linux } = config.linux;
  const id = (hostID: number): { containerID: number; hostID: number; size: number } => ({
    containerID: 0,
    hostID,
    size: 1,
  });
  return {
    ...config,
    mounts: config.mounts.map((mount) =>
      mount.destination === "/sys"
        ? {
            destination: "/sys",
            type: "none",
            source: "/sys",
            options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
          }
        : withoutOwners(mount),
    ),
    linux: {
      uidMappings: [id(process.geteuid?.() ?? 0)],
      gidMappings: [id(process.getegid?.() ?? 0)],
      namespaces: [...namespaces.filter(({ type }) => type !== "network"), { type: "user" }],
      ...linux,
    },
  };
}

function withoutOwners(mount: Mount): Mount {
  const { options, ...rest } = mount;
  return options === undefined
    ? mount
    : { ...rest, options: options.filter((option) => !/^[ug]id=/.test(option)) };
}
