/**
 * `--mount type=bind|volume|tmpfs,source=…,target=…,…`. Unlike `-v` it makes no directory of the host that is missing.
 * Source: docker run reference, --mount.
 */
import { existsSync } from "node:fs";
import { posix } from "node:path";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import { Unsupported } from "../../base/index.ts";
import type { Tmpfs } from "./assignment.ts";
import { InvalidOption } from "./error.ts";
import { type BindMount, parseVolumeName, type VolumeMount } from "./volume.ts";

/** What one `--mount` asks for. */
export type AskedMount = BindMount | VolumeMount | { readonly kind: "tmpfs"; readonly tmpfs: Tmpfs };

const SOURCES = new Set(["source", "src"]);
const TARGETS = new Set(["target", "destination", "dst"]);
const READONLY = new Set(["readonly", "ro"]);

/** Parses the value of `--mount`. @throws {InvalidOption} {Unsupported} */
export function parseMount(text: string): AskedMount {
  const invalid = (why: string) =>
    new InvalidOption(
      { option: "--mount", value: text },
      `invalid argument ${JSON.stringify(text)} for --mount: ${why}`,
    );
  const fields = new Map<string, string>();
  for (const field of text.split(",")) {
    const [word = "", value = "true"] = field.split(/=(.*)/s);
    const key = SOURCES.has(word)
      ? "source"
      : TARGETS.has(word)
        ? "target"
        : READONLY.has(word)
          ? "readonly"
          : word;
    if (fields.has(key)) throw invalid(`${word} is given twice`);
    fields.set(key, value);
  }
  const take = (key: string): string | undefined => {
    const value = fields.get(key);
    fields.delete(key);
    return value;
  };
  const type = take("type") ?? "volume";
  const target = take("target");
  if (target === undefined) throw invalid("target is required");
  if (!posix.isAbsolute(target) || posix.resolve(target) === "/")
    throw invalid("target must be an absolute path, and not '/'");
  const common = {
    destination: posix.resolve(target) as ContainerPath, // absolute, as was looked
    readonly: isTrue(take("readonly") ?? "false", invalid),
  };
  const mount = mountOf(type, common, take, invalid);
  const [left] = fields.keys();
  if (left !== undefined) throw invalid(`unexpected key '${left}' for type ${type}`);
  return mount;
}

function mountOf(
  type: string,
  common: { readonly destination: ContainerPath; readonly readonly: boolean },
  take: (key: string) => string | undefined,
  invalid: (why: string) => InvalidOption,
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
      if (!existsSync(source)) throw invalid(`bind source path does not exist: ${source}`);
      return { kind: "bind", source: posix.resolve(source) as HostPath, ...common, propagation };
    }
    case "volume": {
      const copies = !isTrue(take("volume-nocopy") ?? "false", invalid);
      for (const key of ["volume-driver", "volume-opt", "volume-label", "volume-subpath"])
        if (take(key) !== undefined)
          throw new Unsupported({
            what: `--mount with ${key}`,
            why: "make the volume by 'teu volume create'",
          });
      const name = source === undefined || source === "" ? undefined : parseVolumeName(source, "--mount");
      return { kind: "volume", ...(name !== undefined && { name }), ...common, copies };
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
      throw new Unsupported({ what: `--mount type=${type}`, why: "bind, volume and tmpfs are built" });
  }
}

function isTrue(text: string, invalid: (why: string) => InvalidOption): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw invalid(`invalid value '${text}': wants true or false`);
}
