/**
 * The options of the driver `local`: `type`, `device`, `o`, as of mount(8). What they name is mounted while a container that has
 * the volume runs. Source: docker volume create reference, driver-specific options; moby volume/local.
 */

import { closeSync, existsSync } from "node:fs";
import { type HostPath, TeuError } from "../../base/index.ts";
import { type MountOptions, parseMountOptions } from "../../runtime/index.ts";
import { check, cString, errnoName, errnoSentence, syscall } from "../../sys/index.ts";
import { attachMount, bindTree, messageOfContext, setOption } from "../mount/calls.ts";
import { InvalidOption } from "../options/error.ts";
import { parseSize } from "../options/limits.ts";

const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const KEYS = new Set(["type", "device", "o", "size"]);
/** File systems that know no names, only addresses. */
const OF_NETWORK = new Set(["nfs", "nfs4", "cifs"]);

/** What the options name cannot be mounted. */
export class VolumeMountFailed extends TeuError<
  "volume-mount-failed",
  { name: string; device: string; type: string; errno: string; said: string }
> {
  constructor(context: { name: string; device: string; type: string; said: string }, number: number) {
    const said = context.said === "" ? "" : ` (${context.said})`;
    super(
      "volume-mount-failed",
      "failed-precondition",
      { ...context, errno: errnoName(number) },
      `Cannot mount ${JSON.stringify(context.device)} as ${context.type} for volume ${context.name}: ${errnoSentence(number)}${said}`,
    );
  }
}

/** Checks the options of a new volume. Docker's words where it has them. @throws {InvalidOption} {Unsupported} */
export function checkVolumeOptions(options: Readonly<Record<string, string>>): void {
  const invalid = (key: string, why: string) =>
    new InvalidOption({ option: "--opt", value: `${key}=${options[key] ?? ""}` }, why);
  for (const key of Object.keys(options)) {
    if (!KEYS.has(key)) throw invalid(key, `invalid option: ${JSON.stringify(key)}`);
  }
  const { type, device, o, size } = options;
  if (size !== undefined && parseSize(size, "size", "--opt size") === 0)
    throw invalid("size", `invalid option: "size=${size}" is no room at all`);
  if (size !== undefined && isMounted(options))
    throw invalid(
      "size",
      `invalid option: "size" limits a volume of this machine's disk; what "device" names has its own size`,
    );
  if (type === undefined && device === undefined && o === undefined) return;
  if (!device) throw invalid("device", `missing required option: "device"`);
  const mount = parseMountOptions(wordsOf(o));
  const isBind = mount.bind !== "no";
  if (!type && !isBind) throw invalid("type", `missing required option: "type"`);
  if (mount.remount || mount.tmpcopyup || mount.idmap !== "no" || mount.propagation.length > 0)
    throw invalid("o", `invalid option "o=${o}": only what mount(8) takes for a new mount`);
}

/** Whether the options name something that is mounted. */
export function isMounted({ type, device, o }: Readonly<Record<string, string>>): boolean {
  return type !== undefined || device !== undefined || o !== undefined;
}

function wordsOf(o: string | undefined): string[] {
  return o === undefined || o === "" ? [] : o.split(",");
}

/** Mounts what `options` name on `target`. @throws {VolumeMountFailed} */
export async function mountVolume(
  name: string,
  { type = "none", device = "", o }: Readonly<Record<string, string>>,
  target: HostPath,
): Promise<void> {
  const context = { name, device, type, said: "" };
  const mount = parseMountOptions(wordsOf(o));
  if (mount.bind !== "no") {
    if (!existsSync(device)) throw new VolumeMountFailed(context, 2);
    bindTree(device as HostPath, target, (tree) => setAttributes(tree, mount, target));
    return;
  }
  const data = OF_NETWORK.has(type) ? await withAddress(mount.data) : mount.data;
  const opened = syscall("fsopen", cString(type), FSOPEN_CLOEXEC);
  if (opened < 0) throw new VolumeMountFailed(context, -opened);
  let made = -1;
  try {
    for (const [key, value] of [
      ["source", device] as const,
      ...data,
      ...mount.flags.map((flag) => [flag, undefined] as const),
    ]) {
      const result = setOption(opened, key, value);
      if (result < 0) throw failed(context, opened, result);
    }
    const created = syscall("fsconfig", opened, FSCONFIG_CMD_CREATE, 0, 0, 0);
    if (created < 0) throw failed(context, opened, created);
    made = syscall("fsmount", opened, FSMOUNT_CLOEXEC, mount.attributes.set);
    if (made < 0) throw failed(context, opened, made);
    attachMount(made, target);
  } finally {
    closeSync(opened);
    if (made >= 0) closeSync(made);
  }
}

function failed(
  context: { name: string; device: string; type: string },
  opened: number,
  result: number,
): VolumeMountFailed {
  return new VolumeMountFailed({ ...context, said: messageOfContext(opened) }, -result);
}

/** A bind shares the flags of its source until it is told its own. */
function setAttributes(tree: number, { attributes, bind }: MountOptions, target: HostPath): void {
  if (attributes.set === 0 && attributes.clear === 0) return;
  const words = new BigUint64Array(new ArrayBuffer(32)); // struct mount_attr
  words[0] = BigInt(attributes.set);
  words[1] = BigInt(attributes.clear);
  const flags = AT_EMPTY_PATH | (bind === "rbind" ? AT_RECURSIVE : 0);
  check(syscall("mount_setattr", tree, cString(""), flags, words, words.byteLength), "mount_setattr", target);
}

/** The kernel's NFS wants a number where people write a name. */
async function withAddress(data: MountOptions["data"]): Promise<MountOptions["data"]> {
  const [{ lookup }, { isIP }] = [await import("node:dns/promises"), await import("node:net")];
  return await Promise.all(
    data.map(async ([key, value]) =>
      key === "addr" && value !== undefined && isIP(value) === 0
        ? ([key, (await lookup(value)).address] as const)
        : ([key, value] as const),
    ),
  );
}
