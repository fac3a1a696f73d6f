/** What a container gets that asks for nothing: docker's defaults. Source: moby daemon/pkg/oci/defaults.go, daemon/oci_linux.go. */
import type { Capabilities, DeviceRule, Mount, User } from "../../spec/index.ts";

/** The root user's capabilities in a container; 14. */
export const CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** A user that is not root has none, as after execve; inheritable ones would come back (CVE-2022-24769). */
export function capabilitiesOf(user: User, capabilities = CAPABILITIES): Capabilities {
  if (user.uid !== 0) return { bounding: capabilities };
  return { bounding: capabilities, effective: capabilities, permitted: capabilities };
}

/** Of a network of its own: in there nobody else's ports are to be guarded. */
export const PORT_SYSCTLS: Readonly<Record<string, string>> = { "net.ipv4.ip_unprivileged_port_start": "0" };

/** Of one whose groups are all there: they may send echo requests without CAP_NET_RAW. */
export const PING_SYSCTLS: Readonly<Record<string, string>> = { "net.ipv4.ping_group_range": "0 2147483647" };

const QUIET = ["nosuid", "noexec", "nodev"];

/** The file systems of the kernel, in the order in which they go in. */
export const MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: QUIET },
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
  { destination: "/sys", type: "sysfs", source: "sysfs", options: [...QUIET, "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...QUIET, "ro"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: QUIET },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: [...QUIET, "mode=1777", "size=67108864"],
  },
];

/** What the kernel tells everybody and a container must not know, or not write. */
export const MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** What a container may read and not change. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

const character = (major: number, minor: number): DeviceRule => ({
  allow: true,
  type: "c",
  major,
  minor,
  access: "rwm",
});

/** No device but these may be opened; nodes of any may be made, for archives are unpacked in containers. */
export const DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pts
];

/** Where programs are looked for in an image that does not say. */
export const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
