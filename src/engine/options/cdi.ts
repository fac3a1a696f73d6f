/**
 * `--device VENDOR/CLASS=NAME`: what a container needs for a device, as its vendor's files say it.
 * Source: Container Device Interface specification 0.8 and 1.0, SPEC.md.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ContainerPath, messageOf } from "../../base/index.ts";
import type { Device, DeviceRule, Hooks, Mount } from "../../spec/index.ts";
import { deviceNumbers, ruleFor } from "./device.ts";
import { InvalidOption } from "./error.ts";

/** The places of the files; a device of a later one hides that of an earlier one. */
const FOLDERS = ["/etc/cdi", "/var/run/cdi"];
const NAME = /^([A-Za-z][\w.-]*\/[A-Za-z][\w-]*)=([A-Za-z0-9][\w.:-]*)$/;

/** What is done to a container. */
export interface DeviceEdits {
  readonly environment: readonly string[];
  readonly nodes: readonly Device[];
  readonly rules: readonly DeviceRule[];
  readonly mounts: readonly Mount[];
  readonly hooks: Hooks;
  readonly gids: readonly number[];
}

/** A file's own words. */
interface Edits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly DeviceNode[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly type?: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: readonly {
    readonly hookName: string;
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly timeout?: number;
  }[];
  readonly additionalGids?: readonly number[];
}

interface DeviceNode {
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

interface SpecFile {
  readonly path: string;
  readonly kind: string;
  readonly devices: readonly { readonly name: string; readonly containerEdits?: Edits }[];
  readonly containerEdits?: Edits;
}

/** Whether `--device TEXT` names one by its vendor. */
export function isCDIName(text: string): boolean {
  return NAME.test(text);
}

/** What the devices by these names ask for, each file's common part once. @throws {InvalidOption} */
export function resolveCDI(names: readonly string[], folders: readonly string[] = FOLDERS): DeviceEdits {
  if (names.length === 0) return { environment: [], nodes: [], rules: [], mounts: [], hooks: {}, gids: [] };
  const broken: string[] = [];
  const specs = folders.flatMap((folder) => readFolder(folder, broken));
  const edits: Edits[] = [];
  const common = new Set<SpecFile>();
  for (const text of names) {
    const [, kind = "", name = ""] = NAME.exec(text) ?? [];
    const found = specs.findLast(
      (spec) => spec.kind === kind && spec.devices.some((device) => device.name === name),
    );
    if (found === undefined)
      throw new InvalidOption(
        { option: "--device", value: text },
        `CDI device injection failed: unresolvable CDI devices ${text}: no file in ${folders.join(" or ")} describes it${broken.length > 0 ? ` (unreadable: ${broken.join("; ")})` : ""}`,
      );
    if (!common.has(found)) edits.push(found.containerEdits ?? {});
    common.add(found);
    edits.push(found.devices.find((device) => device.name === name)?.containerEdits ?? {});
  }
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
    gids: edits.flatMap(({ additionalGids = [] }) => additionalGids),
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
      const text = readFileSync(path, "utf8");
      const { kind, devices, containerEdits } = (
        name.endsWith("json") ? JSON.parse(text) : Bun.YAML.parse(text)
      ) as SpecFile;
      if (typeof kind !== "string" || !Array.isArray(devices))
        throw new Error("it has no kind, or no devices");
      return [{ path, kind, devices, ...(containerEdits && { containerEdits }) }];
    } catch (error) {
      broken.push(`${path}: ${messageOf(error)}`);
      return [];
    }
  });
}

/** Numbers that the file does not give are those of the host's node. */
function nodeOf(given: DeviceNode): { node: Device; access: string } {
  const source = given.hostPath ?? given.path;
  const status = statSync(source, { bigint: true, throwIfNoEntry: false });
  if (status === undefined && given.major === undefined)
    throw new InvalidOption(
      { option: "--device", value: source },
      `CDI device injection failed: device node ${source} is not on this machine`,
    );
  const numbers = status === undefined ? { major: 0, minor: 0 } : deviceNumbers(status.rdev);
  const kind = given.type ?? (status?.isBlockDevice() ? "b" : "c");
  const { major = numbers.major, minor = numbers.minor, uid, gid } = given;
  const fileMode = given.fileMode ?? (status === undefined ? 0o666 : Number(status.mode & 0o777n));
  return {
    node: {
      path: given.path,
      type: kind === "b" || kind === "p" || kind === "u" ? kind : "c",
      ...{ major, minor, fileMode },
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    },
    access: given.permissions || "rwm",
  };
}

const HOOKS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

function hooksOf(edits: readonly Edits[]): Hooks {
  const all = edits.flatMap(({ hooks = [] }) => hooks);
  const wrong = all.find(({ hookName }) => !HOOKS.some((name) => name === hookName));
  if (wrong !== undefined)
    throw new InvalidOption(
      { option: "--device", value: wrong.hookName },
      `CDI device injection failed: there is no hook ${JSON.stringify(wrong.hookName)}`,
    );
  return Object.fromEntries(
    HOOKS.flatMap((name) => {
      const own = all.filter(({ hookName }) => hookName === name);
      return own.length > 0 ? [[name, own.map(({ hookName: _, ...hook }) => hook)]] : [];
    }),
  );
}
