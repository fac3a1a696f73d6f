/**
 * `--mount type=bind|volume|image|tmpfs,source=…,target=…,…`. Unlike `-v` it makes no directory of the host that is missing.
 * Source: docker run reference, --mount.
 */
import { existsSync } from "node:fs";
import { posix } from "node:path";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import { Unsupported } from "../../base/index.ts";
import { parseAssignments, type Tmpfs } from "./assignment.ts";
import { InvalidOption } from "./error.ts";
import { fieldsOf } from "./fields.ts";
import { type BindMount, type ImageMount, parseVolumeName, type VolumeMount } from "./volume.ts";

/** What one `--mount` asks for. */
export type AskedMount =
  | BindMount
  | VolumeMount
  | ImageMount
  | { readonly kind: "tmpfs"; readonly tmpfs: Tmpfs };

const SOURCES = new Set(["source", "src"]);
const TARGETS = new Set(["target", "destination", "dst"]);
/** Those that may be said more than once. */
const LISTS = new Set(["volume-opt", "volume-label"]);
const READONLY = new Set(["readonly", "ro"]);
/** Podman's, which say the contrary. */
const WRITABLE = new Set(["readwrite", "rw"]);

/** Parses the value of `--mount`. @throws {InvalidOption} {Unsupported} */
export function parseMount(text: string): AskedMount {
  const invalid = (why: string) =>
    new InvalidOption(
      { option: "--mount", value: text },
      `invalid argument ${JSON.stringify(text)} for --mount: ${why}`,
    );
  const fields = new Map<string, string>();
  const lists = new Map<string, string[]>();
  for (const field of fieldsOf(text, invalid)) {
    const [word = "", value = "true"] = field.split(/=(.*)/s);
    const key = SOURCES.has(word)
      ? "source"
      : TARGETS.has(word)
        ? "target"
        : READONLY.has(word)
          ? "readonly"
          : WRITABLE.has(word)
            ? "readwrite"
            : word;
    if (LISTS.has(key)) lists.set(key, [...(lists.get(key) ?? []), value]);
    else if (fields.has(key)) throw invalid(`${word} is given twice`);
    else fields.set(key, value);
  }
  const take = (key: string): string | undefined => {
    const value = fields.get(key);
    fields.delete(key);
    return value;
  };
  const takeAll = (key: string): string[] => {
    const values = lists.get(key) ?? [];
    lists.delete(key);
    return values;
  };
  const type = take("type") ?? "volume";
  const target = take("target");
  if (target === undefined) throw invalid("target is required");
  if (!posix.isAbsolute(target) || posix.resolve(target) === "/")
    throw invalid("target must be an absolute path, and not '/'");
  const common = {
    destination: posix.resolve(target) as ContainerPath, // absolute, as was looked
    readonly: isReadonly(take, type === "image", invalid),
  };
  const mount = mountOf(type, common, { take, takeAll, invalid });
  const [left] = [...fields.keys(), ...lists.keys()];
  if (left !== undefined) throw invalid(`unexpected key '${left}' for type ${type}`);
  return mount;
}

interface Fields {
  readonly take: (key: string) => string | undefined;
  readonly takeAll: (key: string) => string[];
  readonly invalid: (why: string) => InvalidOption;
}

function mountOf(
  type: string,
  common: { readonly destination: ContainerPath; readonly readonly: boolean },
  { take, takeAll, invalid }: Fields,
): AskedMount {
  const source = take("source");
  take("consistency"); // of macOS
  switch (type) {
    case "bind": {
      if (source === undefined || !posix.isAbsolute(source))
        throw invalid("a bind mount's source must be an absolute path");
      const propagation = take("bind-propagation") ?? "rprivate";
      if (!/^r?(private|shared|slave)$/.test(propagation))
        throw invalid(`invalid propagation '${propagation}'`);
      const depth = depthOf(take, { ...common, propagation }, invalid);
      const isMapped = isTrue(take("idmap") ?? "false", invalid);
      const isMade = isTrue(take("bind-create-src") ?? "false", invalid);
      if (!isMade && !existsSync(source)) throw invalid(`bind source path does not exist: ${source}`);
      return {
        ...{ kind: "bind", source: posix.resolve(source) as HostPath, ...common, propagation },
        ...depth,
        ...(isMapped && { isMapped }),
      };
    }
    case "volume": {
      const copies = !isTrue(take("volume-nocopy") ?? "false", invalid);
      const driver = take("volume-driver") ?? "local";
      if (driver !== "local")
        throw new Unsupported({
          what: `--mount with volume-driver=${driver}`,
          why: "there are no plugins: local is the one driver",
        });
      const subpath = subpathOf("volume-subpath", { take, invalid });
      const options = parseAssignments("--volume-opt", takeAll("volume-opt"), true);
      const labels = parseAssignments("--volume-label", takeAll("volume-label"), false);
      const name = source === undefined || source === "" ? undefined : parseVolumeName(source, "--mount");
      if (subpath !== undefined && name === undefined)
        throw invalid("must not set volume-subpath when using anonymous volumes");
      return {
        ...{ kind: "volume", ...(name !== undefined && { name }), ...common },
        // What the image has there belongs to the whole volume.
        ...(subpath === undefined ? { copies } : { copies: false, subpath }),
        ...(Object.keys(options).length > 0 && { options }),
        ...(Object.keys(labels).length > 0 && { labels }),
      };
    }
    case "image": {
      if (source === undefined || source === "") throw invalid("source is required: the image");
      const subpath = subpathOf("image-subpath", { take, invalid });
      return {
        ...{ kind: "image", image: source, ...common },
        ...(subpath !== undefined && { subpath }),
      };
    }
    case "tmpfs": {
      if (source !== undefined) throw invalid("a tmpfs has no source");
      const [size, mode] = [take("tmpfs-size"), take("tmpfs-mode")];
      if (size !== undefined && !/^\d+[kmg]?$/i.test(size)) throw invalid(`invalid size '${size}'`);
      if (mode !== undefined && !/^[0-7]+$/.test(mode)) throw invalid(`invalid mode '${mode}'`);
      const words = [
        ...["nosuid", "nodev", "noexec"],
        ...(common.readonly ? ["ro"] : []),
        ...(size === undefined ? [] : [`size=${size}`]),
        ...(mode === undefined ? [] : [`mode=${mode}`]),
      ];
      return { kind: "tmpfs", tmpfs: { destination: common.destination, options: words } };
    }
    default:
      throw new Unsupported({ what: `--mount type=${type}`, why: "bind, volume, image and tmpfs are built" });
  }
}

/** @param otherwise  What it is when nothing is said. */
function isReadonly(take: Fields["take"], otherwise: boolean, invalid: Fields["invalid"]): boolean {
  const [readonly, readwrite] = [take("readonly"), take("readwrite")];
  if (readonly !== undefined && readwrite !== undefined)
    throw invalid("readonly and readwrite are both given");
  if (readwrite !== undefined) return !isTrue(readwrite, invalid);
  return readonly === undefined ? otherwise : isTrue(readonly, invalid);
}

/** Docker's word, or podman's. */
function subpathOf(word: string, { take, invalid }: Omit<Fields, "takeAll">): string | undefined {
  const text = take(word) ?? take("subpath");
  if (text === undefined) return undefined;
  const path = posix.normalize(text);
  if (text === "" || posix.isAbsolute(path) || path === ".." || path.startsWith("../"))
    throw invalid(`${word} must be a relative path within it`);
  return path;
}

/** What becomes of mounts below a bind mount: docker's word and its younger one. */
function depthOf(
  take: Fields["take"],
  { readonly, propagation }: Pick<BindMount, "readonly" | "propagation">,
  invalid: Fields["invalid"],
): Pick<BindMount, "isRecursive" | "isReadonlyBelow"> {
  const isPlain = isTrue(take("bind-nonrecursive") ?? "false", invalid);
  const word = take("bind-recursive") ?? "enabled";
  if (!/^(enabled|disabled|writable|readonly)$/.test(word)) throw invalid(`invalid bind-recursive '${word}'`);
  if (isPlain || word === "disabled") return { isRecursive: false };
  if (word === "enabled") return {};
  if (!readonly) throw invalid(`bind-recursive=${word} requires readonly`);
  if (word === "writable") return { isReadonlyBelow: false };
  if (propagation !== "rprivate") throw invalid("bind-recursive=readonly requires bind-propagation=rprivate");
  return { isReadonlyBelow: true };
}

function isTrue(text: string, invalid: (why: string) => InvalidOption): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw invalid(`invalid value '${text}': wants true or false`);
}
