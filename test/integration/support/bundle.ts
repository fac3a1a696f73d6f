/** Bundles for runtime tests: a busybox root file system and a config.json that starts from what `runc spec` writes. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Linux, Namespace, Process, Resources, RuntimeConfig } from "../../../src/spec/index.ts";

/** Any change of a document. */
export type Change = (config: RuntimeConfig) => RuntimeConfig;

/** What `runc spec` writes, but for: no terminal, a root file system that can be written, `script` instead of `sh`. */
export function baseConfig(script: string): RuntimeConfig {
  const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/bin/sh", "-c", script],
      env: ["PATH=/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        ambient: capabilities,
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    hostname: "box",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
      mount(
        "/dev/pts",
        "devpts",
        "devpts",
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5",
      ),
      mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
      mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
      mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
    ],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      maskedPaths: [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/scsi",
        "/sys/firmware",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

/** One mount, its options as the last words. */
export function mount(
  destination: string,
  type: string,
  source: string,
  ...options: string[]
): {
  destination: string;
  type: string;
  source: string;
  options: string[];
} {
  return { destination, type, source, options };
}

/** Adds mounts after those that are there. */
export function withMounts(...mounts: NonNullable<RuntimeConfig["mounts"]>): Change {
  return (config) => ({ ...config, mounts: [...(config.mounts ?? []), ...mounts] });
}

/** Sets members of `process`. */
export function withProcess(change: Partial<Process>): Change {
  return (config) => ({
    ...config,
    process: { cwd: "/", user: { uid: 0, gid: 0 }, ...config.process, ...change },
  });
}

/** Sets members of `linux`. */
export function withLinux(change: Partial<Linux>): Change {
  return (config) => ({ ...config, linux: { ...config.linux, ...change } });
}

/** Sets members of `linux.resources`. */
export function withResources(change: Partial<Resources>): Change {
  return (config) => withLinux({ resources: { ...config.linux?.resources, ...change } })(config);
}

/** All changes, the first first. */
export function changes(...all: readonly Change[]): Change {
  return (config) => all.reduce((changed, change) => change(changed), config);
}

/** One more namespace of the container's own. */
export function withNewNamespace(type: Namespace["type"]): Change {
  return (config) => withLinux({ namespaces: [...(config.linux?.namespaces ?? []), { type }] })(config);
}

/** A user namespace in which id 0 is `hostID`, 65,536 ids wide. */
export function withUserNamespace(hostID: number): Change {
  const map = [{ containerID: 0, hostID, size: 65_536 }];
  return changes(withNewNamespace("user"), withLinux({ uidMappings: map, gidMappings: map }));
}

/** A bundle in a folder of its own, gone when it is disposed of. */
export interface Bundle extends Disposable {
  readonly path: string;
  readonly rootfs: string;
  writeConfig(config: RuntimeConfig): void;
}

const APPLETS = Bun.which("busybox") === null ? "" : Bun.spawnSync(["busybox", "--list"]).stdout.toString();

export function makeBundle(): Bundle {
  const path = mkdtempSync(join(tmpdir(), "teu-bundle-"));
  chmodSync(path, 0o755); // a user namespace's root looks in from outside
  const rootfs = join(path, "rootfs");
  for (const folder of ["bin", "etc", "proc", "sys", "dev", "root", "tmp"])
    mkdirSync(join(rootfs, folder), { recursive: true });
  chmodSync(join(rootfs, "tmp"), 0o1777);
  copyFileSync(Bun.which("busybox") ?? "busybox", join(rootfs, "bin/busybox"));
  for (const applet of APPLETS.split("\n"))
    if (applet !== "" && applet !== "busybox") symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
  );
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n");
  return {
    path,
    rootfs,
    writeConfig: (config) => writeFileSync(join(path, "config.json"), encodeConfig(config)),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Integers that need 64 bits are written with all their digits. */
function encodeConfig(config: RuntimeConfig): string {
  const mark = "integer:";
  const text = JSON.stringify(config, (_, value) => (typeof value === "bigint" ? `${mark}${value}` : value));
  return text.replaceAll(new RegExp(`"${mark}(\\d+)"`, "g"), "$1");
}
