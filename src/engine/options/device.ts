/** `--device` and `--device-cgroup-rule`. Source: docker run reference, --device; moby daemon, container/oci_linux.go. */
import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import type { Device, DeviceRule } from "../../spec/index.ts";
import { InvalidOption } from "./error.ts";

/** Devices of the host that a container has, and what it may do with devices. */
export interface Devices {
  readonly nodes: readonly Device[];
  readonly rules: readonly DeviceRule[];
}

const ACCESS = /^[rwm]{1,3}$/;

/** `HOST[:CONTAINER][:rwm]`; a directory is all devices below it. @throws {InvalidOption} */
export function parseDevice(text: string): Devices {
  const fail = (why: string) =>
    new InvalidOption(
      { option: "--device", value: text },
      `error gathering device information while adding custom device ${JSON.stringify(text)}: ${why}`,
    );
  const { source, destination, access, isWhole } = deviceParts(text);
  if (!posix.isAbsolute(source) || !posix.isAbsolute(destination) || !isWhole)
    throw fail("wants HOST[:CONTAINER][:rwm], paths being absolute");
  if (!ACCESS.test(access)) throw fail(`invalid mode: ${access}`);
  let nodes: readonly Device[];
  try {
    nodes = devicesAt(realpathSync(source), destination);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw fail("no such file or directory");
    throw error;
  }
  if (nodes.length === 0) throw fail("not a device node");
  return { nodes, rules: nodes.map((node) => ruleFor(node, access)) };
}

/** What the text is made of; `isWhole`: there is nothing more. */
export function deviceParts(
  text: string,
): Record<"source" | "destination" | "access", string> & { readonly isWhole: boolean } {
  const [source = "", second, third, ...more] = text.split(":");
  const isSecondAccess = third === undefined && second !== undefined && ACCESS.test(second);
  const destination = second === undefined || second === "" || isSecondAccess ? source : second;
  const access = (isSecondAccess ? second : third) ?? "rwm";
  return { source, destination, access, isWhole: more.length === 0 };
}

/** What lets a container use `node`. */
export function ruleFor({ type, major, minor }: Device, access: string): DeviceRule {
  return {
    allow: true,
    type: type === "b" ? "b" : "c",
    ...(major !== undefined && { major }),
    ...(minor !== undefined && { minor }),
    access,
  };
}

/** `c 1:3 rwm`, `a *:* m`. @throws {InvalidOption} */
export function parseDeviceRule(text: string): DeviceRule {
  const [, type, major = "", minor = "", access = ""] =
    /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text) ?? [];
  if (type === undefined)
    throw new InvalidOption(
      { option: "--device-cgroup-rule", value: text },
      `invalid device cgroup format '${text}'`,
    );
  return {
    allow: true,
    type: type as "a" | "b" | "c", // the pattern has no others
    ...(major !== "*" && { major: Number(major) }),
    ...(minor !== "*" && { minor: Number(minor) }),
    access,
  };
}

/** What every container has of its own, or what is no device of this machine's. Source: runc libcontainer/devices. */
const NOT_SHARED = new Set(
  "pts shm fd mqueue console .udev .lxc .lxd-mounts null zero full random urandom tty ptmx".split(" "),
);

/** All devices of this machine, for a container that may do everything. */
export function allDevices(): Device[] {
  return readdirSync("/dev")
    .filter((name) => !NOT_SHARED.has(name))
    .flatMap((name) =>
      lstatSync(join("/dev", name)).isSymbolicLink() ? [] : devicesAt(`/dev/${name}`, `/dev/${name}`),
    );
}

/** The device at `source`, or those below it, as they are to be seen at `destination`. */
export function devicesAt(source: string, destination: string): Device[] {
  const status = statSync(source, { bigint: true, throwIfNoEntry: false });
  if (status === undefined) return []; // gone meanwhile, or a link that leads nowhere
  if (status.isDirectory())
    return readdirSync(source)
      .filter((name) => !NOT_SHARED.has(name))
      .flatMap((name) => devicesAt(join(source, name), posix.join(destination, name)));
  if (!status.isBlockDevice() && !status.isCharacterDevice()) return [];
  return [
    {
      path: destination,
      type: status.isBlockDevice() ? "b" : "c",
      ...deviceNumbers(status.rdev),
      fileMode: Number(status.mode & 0o777n),
      uid: Number(status.uid),
      gid: Number(status.gid),
    },
  ];
}

/** Source: makedev(3), the 64 bit form. */
export function deviceNumbers(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}
