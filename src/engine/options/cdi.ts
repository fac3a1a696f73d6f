/**
 * `--device VENDOR/CLASS=NAME`: what a container needs for a device, as its vendor's files say it.
 * Source: Container Device Interface specification 1.1, SPEC.md.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ContainerPath, messageOf, Unsupported } from "../../base/index.ts";
import { type Device, type DeviceRule, type Hooks, hookNames, type Mount } from "../../spec/index.ts";
import { type CDIEdits, type CDINode, type CDISpec, DEVICE_NAME, KIND, parseCDISpec } from "./cdi-spec.ts";
import { deviceNumbers, ruleFor } from "./device.ts";
import { InvalidOption } from "./error.ts";

/** The places of the files; a device of a later one hides that of an earlier one. */
const FOLDERS = ["/etc/cdi", "/var/run/cdi"];

/** What is done to a container. */
export interface DeviceEdits {
  readonly environment: readonly string[];
  readonly nodes: readonly Device[];
  readonly rules: readonly DeviceRule[];
  readonly mounts: readonly Mount[];
  readonly hooks: Hooks;
  readonly gids: readonly number[];
}

/** A file that was read. */
interface SpecFile extends CDISpec {
  readonly path: string;
}

/** Whether `--device TEXT` names one by its vendor. */
export function isCDIName(text: string): boolean {
  const [kind, name] = partsOf(text);
  return KIND.test(kind) && DEVICE_NAME.test(name);
}

function partsOf(text: string): [kind: string, name: string] {
  const [kind = "", name = ""] = text.split(/=(.*)/s);
  return [kind, name];
}

/** What the devices by these names ask for, each file's common part once. @throws {InvalidOption} */
export function resolveCDI(names: readonly string[], folders: readonly string[] = FOLDERS): DeviceEdits {
  if (names.length === 0) return { environment: [], nodes: [], rules: [], mounts: [], hooks: {}, gids: [] };
  const broken: string[] = [];
  const specs = folders.map((folder) => readFolder(folder, broken));
  const edits: CDIEdits[] = [];
  const common = new Set<SpecFile>();
  for (const text of new Set(names)) {
    const [kind, name] = partsOf(text);
    const isOf = (spec: SpecFile) =>
      spec.kind === kind && spec.devices.some((device) => device.name === name);
    const found = specs.map((folder) => folder.filter(isOf)).findLast((files) => files.length > 0) ?? [];
    const [file] = found;
    if (file === undefined)
      throw injectionFailed(
        text,
        `unresolvable CDI devices ${text}: no file in ${folders.join(" or ")} describes it${broken.length > 0 ? ` (unreadable: ${broken.join("; ")})` : ""}`,
      );
    if (found.length > 1)
      throw injectionFailed(
        text,
        `conflicting device ${text}: it is in ${found.map(({ path }) => path).join(" and in ")}`,
      );
    if (!common.has(file)) edits.push(file.containerEdits ?? {});
    common.add(file);
    edits.push(file.devices.find((device) => device.name === name)?.containerEdits ?? {});
  }
  for (const key of ["intelRdt", "netDevices"] as const)
    if (edits.some((edit) => edit[key] !== undefined))
      throw new Unsupported({
        what: `${key} of CDI devices ${names.join(", ")}`,
        why: "it is not built yet",
      });
  const nodes = edits.flatMap((edit) => (edit.deviceNodes ?? []).map(nodeOf));
  return {
    environment: edits.flatMap(({ env = [] }) => env),
    nodes: nodes.map(({ node }) => node),
    rules: nodes.map(({ node, access }) => ruleFor(node, access)),
    mounts: edits.flatMap(({ mounts = [] }) =>
      mounts.map(({ hostPath, containerPath, type = "bind", options = ["rbind", "ro"] }) => ({
        destination: containerPath as ContainerPath, // checked with the rest of config.json
        source: hostPath,
        type,
        options,
      })),
    ),
    hooks: hooksOf(edits),
    gids: edits.flatMap(({ additionalGids = [] }) => additionalGids).filter((gid) => gid !== 0),
  };
}

function readFolder(folder: string, broken: string[]): SpecFile[] {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return []; // most machines have none
  }
  return names.flatMap((name): SpecFile[] => {
    if (!/\.(json|ya?ml)$/.test(name)) return [];
    const path = join(folder, name);
    try {
      return [{ ...parseCDISpec(readFileSync(path, "utf8"), path), path }];
    } catch (error) {
      const said = messageOf(error);
      broken.push(said.includes(path) ? said : `${path}: ${said}`);
      return [];
    }
  });
}

function injectionFailed(device: string, why: string): InvalidOption {
  return new InvalidOption({ option: "--device", value: device }, `CDI device injection failed: ${why}`);
}

/** Numbers that the file does not give are those of the host's node. */
function nodeOf(given: CDINode): { node: Device; access: string } {
  const source = given.hostPath ?? given.path;
  const status = statSync(source, { bigint: true, throwIfNoEntry: false });
  if (status === undefined && given.major === undefined)
    throw injectionFailed(source, `device node ${source} is not on this machine`);
  const numbers = status === undefined ? { major: 0, minor: 0 } : deviceNumbers(status.rdev);
  const kind = given.type ?? (status?.isBlockDevice() ? "b" : "c");
  const { major = numbers.major, minor = numbers.minor, uid, gid } = given;
  const fileMode = given.fileMode ?? (status === undefined ? 0o666 : Number(status.mode & 0o777n));
  return {
    node: {
      path: given.path,
      type: kind,
      ...{ major, minor, fileMode },
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    },
    access: given.permissions || "rwm",
  };
}

function hooksOf(edits: readonly CDIEdits[]): Hooks {
  const all = edits.flatMap(({ hooks = [] }) => hooks);
  return Object.fromEntries(
    hookNames.flatMap((name) => {
      const own = all.filter(({ hookName }) => hookName === name);
      return own.length > 0 ? [[name, own.map(({ hookName: _, ...hook }) => hook)]] : [];
    }),
  );
}
