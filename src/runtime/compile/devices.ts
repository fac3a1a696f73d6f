/**
 * Device nodes and links of /dev. Nodes are made through a descriptor of their directory, never by path; in a user
 * namespace, where mknod is refused, the host's nodes are bound. Stops 2026-41579, 2026-88264 and 2026-88265.
 * Source: runtime-spec config-linux.md, Devices, Default Devices, Device files and symbolic links.
 */
import { normalizePath, splitPath } from "../../base/index.ts";
import type { Device } from "../../spec/index.ts";
import { errno } from "../../sys/index.ts";
import { answered, type PlanBuilder } from "../plan/builder.ts";
import { DataRef, type Register } from "../plan/plan.ts";
import {
  ALL,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  OPEN_TREE_CLONE,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  STX_RDEV_MAJOR,
  STX_RDEV_MINOR,
} from "./constants.ts";
import { close, DEV, T1, T2, T3, T4 } from "./context.ts";
import { openDestination, openInRoot } from "./destination.ts";
import { attach, loadMode } from "./mount-calls.ts";

const character = (path: string, major: number, minor: number): Device => ({
  path,
  type: "c",
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
});

/** Made whatever config.json says. Source: config-linux.md, Default Devices. */
export const DEFAULT_DEVICES: readonly Device[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

/** Source: config-linux.md, Device files and symbolic links. */
const LINKS = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
] as const;
/** Not the specification's; other runtimes make it where the kernel has its target. */
const CORE_LINK = ["core", "/proc/kcore"] as const;

const TYPE_BITS = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

/** All devices and links; DEV keeps a descriptor of /dev. */
export function compileDevices(
  plan: PlanBuilder,
  devices: readonly Device[],
  { inUserNamespace, hasKcore }: { inUserNamespace: boolean; hasKcore: boolean },
): void {
  plan.section("/dev", "config-linux.md, Default Devices");
  openDestination(plan, "/dev", "directory", DEV);
  const own = new Set(devices.map((device) => normalizePath(device.path)));
  for (const device of DEFAULT_DEVICES) if (!own.has(device.path)) makeDevice(plan, device, inUserNamespace);
  devices.forEach((device, index) => {
    plan.section(`linux.devices[${index}] ${device.path}`, "config-linux.md, Devices");
    makeDevice(plan, device, inUserNamespace);
  });
  plan.section("/dev", "config-linux.md, Device files and symbolic links");
  for (const [name, target] of hasKcore ? [...LINKS, CORE_LINK] : LINKS)
    plan.call("symlinkat", [plan.text(target), DEV, plan.text(name)], { on: { EEXIST: "next" } });
  plan.call("unlinkat", [DEV, plan.text("ptmx"), 0], {
    on: { ENOENT: "next", EBUSY: "next", EROFS: "next" },
  });
  plan.call("symlinkat", [plan.text("pts/ptmx"), DEV, plan.text("ptmx")], { on: { EEXIST: "next" } });
}

function makeDevice(plan: PlanBuilder, device: Device, inUserNamespace: boolean): void {
  const path = normalizePath(device.path);
  const { directory, name } = splitPath(path);
  const parent: Register = directory === "/dev" ? DEV : T1;
  if (parent === T1) openDestination(plan, directory, "directory", T1);
  if (inUserNamespace && device.type !== "p") bindDevice(plan, parent, name, { ...device, path });
  else makeNode(plan, parent, name, device);
  if (parent === T1) close(plan, T1);
}

function makeNode(plan: PlanBuilder, parent: Register, name: string, device: Device): void {
  const { major = 0, minor = 0, fileMode = 0o666, uid = 0, gid = 0 } = device;
  const type = TYPE_BITS[device.type];
  const exists = plan.label();
  const owner = plan.label();
  const number = (major << 8) | (minor & 0xff) | ((minor & ~0xff) << 12);
  plan.call("mknodat", [parent, plan.text(name), type | (fileMode & 0o7777), number], {
    on: { EEXIST: exists },
  });
  plan.place(owner);
  if (uid !== 0 || gid !== 0) plan.call("fchownat", [parent, plan.text(name), uid, gid, AT_SYMLINK_NOFOLLOW]);
  plan.addFuel(1);
  plan.later(() => {
    // Something has that name: it is right only if it is that very device.
    plan.place(exists);
    plan.sync("verify-device", { descriptors: [parent] });
    plan.host({ kind: "verify-device", name, type: device.type, major, minor });
    plan.jump(owner, answered(0), ALL, "==", 1n);
    plan.fail(errno.EEXIST);
  });
}

/** The file to bind on is made without following a link; what is bound is the host's own node, if it is that device. */
function bindDevice(plan: PlanBuilder, parent: Register, name: string, device: Device): void {
  const { path, type, major = 0, minor = 0 } = device;
  plan.call("mknodat", [parent, plan.text(name), S_IFREG | 0o666, 0], { on: { EEXIST: "next" } });
  openInRoot(plan, parent, name, { into: T2, flags: O_PATH | O_NOFOLLOW, strict: true });
  plan.call("open_tree", [AT_FDCWD, plan.text(path), OPEN_TREE_CLONE | O_CLOEXEC], { result: T3 });
  const [wrong, right] = [plan.label(), plan.label()];
  const stat = loadMode(plan, T3, T4);
  plan.jump(wrong, T4, BigInt(S_IFMT), "!=", BigInt(TYPE_BITS[type]));
  plan.load(T4, new DataRef(stat.offset + STX_RDEV_MAJOR), 4);
  plan.jump(wrong, T4, ALL, "!=", BigInt(major));
  plan.load(T4, new DataRef(stat.offset + STX_RDEV_MINOR), 4);
  plan.jump(right, T4, ALL, "==", BigInt(minor));
  plan.place(wrong);
  plan.fail(errno.ENXIO);
  plan.place(right);
  attach(plan, T3, T2);
  close(plan, T3);
  close(plan, T2);
}
