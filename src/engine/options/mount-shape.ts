/** What `--mount` and `-v` asked for, in docker's words for those that look. Source: Docker Engine API, HostConfig.Mounts and HostConfig.Binds. */
import { parseSize } from "./limits.ts";
import type { AskedMount } from "./mount.ts";
import type { BindMount, VolumeMount } from "./volume.ts";

/** One of HostConfig.Mounts. */
export interface MountShape {
  readonly Type: AskedMount["kind"];
  readonly Target: string;
  readonly Source?: string;
  readonly ReadOnly?: true;
  readonly [options: `${string}Options`]: object;
}

/** What one `--mount` asked for, without what is as usual. */
export function mountShape(mount: AskedMount): MountShape {
  const { kind } = mount;
  if (kind === "tmpfs") {
    const { destination, options } = mount.tmpfs;
    const said = Object.fromEntries(options.map((word) => word.split("=")));
    return {
      ...{ Type: kind, Target: destination },
      ...(options.includes("ro") && { ReadOnly: true }),
      ...optionsOf("Tmpfs", {
        SizeBytes: said.size === undefined ? undefined : parseSize(said.size, "--mount"),
        Mode: said.mode === undefined ? undefined : Number.parseInt(said.mode, 8),
      }),
    };
  }
  const source = kind === "bind" ? mount.source : kind === "image" ? mount.image : mount.name;
  return {
    Type: kind,
    ...(source !== undefined && { Source: source }),
    Target: mount.destination,
    ...(mount.readonly && { ReadOnly: true }),
    ...(kind === "bind" && optionsOf("Bind", bindOptions(mount))),
    ...(kind === "volume" && optionsOf("Volume", volumeOptions(mount))),
    ...(kind === "image" && optionsOf("Image", { Subpath: mount.subpath })),
  };
}

/** One of HostConfig.Binds: what a `-v` asked for, its source as it was found; undefined: one that names no source. */
export function bindShape(text: string, mount: BindMount | VolumeMount): string | undefined {
  const source = mount.kind === "bind" ? mount.source : mount.name;
  return source === undefined ? undefined : [source, ...text.split(":").slice(1)].join(":");
}

function bindOptions({ propagation, isRecursive, isReadonlyBelow }: BindMount): object {
  return {
    Propagation: propagation === "rprivate" ? undefined : propagation,
    NonRecursive: isRecursive === false ? true : undefined,
    ReadOnlyNonRecursive: isReadonlyBelow === false ? true : undefined,
    ReadOnlyForceRecursive: isReadonlyBelow,
  };
}

function volumeOptions({ copies, options, labels, subpath }: VolumeMount): object {
  return {
    NoCopy: copies || subpath !== undefined ? undefined : true,
    Labels: labels,
    DriverConfig: options && { Name: "local", Options: options },
    Subpath: subpath,
  };
}

/** Nothing, where nothing was said. */
function optionsOf(type: string, options: object): object {
  const said = Object.entries(options).filter(([, value]) => value !== undefined && value !== false);
  return said.length === 0 ? {} : { [`${type}Options`]: Object.fromEntries(said) };
}
