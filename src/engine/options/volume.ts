/**
 * `-v SOURCE:DESTINATION[:OPTIONS]`, `-v NAME:DESTINATION[:OPTIONS]`, `-v DESTINATION`: a directory or file of the host, or a volume,
 * shown in the container. Source: docker run reference, -v.
 */
import { posix } from "node:path";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import { InvalidOption } from "./error.ts";

/** A directory or file of the host that was asked for. */
export interface BindMount {
  readonly kind: "bind";
  readonly source: HostPath;
  readonly destination: ContainerPath;
  readonly readonly: boolean;
  readonly propagation: string;
  /** False: without what is mounted below it. */
  readonly isRecursive?: false;
  /** Whether its ids are, in a container with users of its own, as on disk. */
  readonly isMapped?: true;
  /** Of one that is read-only: whether what is mounted below it is so too. Absent: where the runtime is teu's own. */
  readonly isReadonlyBelow?: boolean;
}

/** A volume that was asked for. */
export interface VolumeMount {
  readonly kind: "volume";
  /** Absent: one that is made for this container. */
  readonly name?: string;
  readonly destination: ContainerPath;
  readonly readonly: boolean;
  /** Whether an empty one begins with what the image has at the destination. */
  readonly copies: boolean;
  /** Of one that is not there yet, as of `teu volume create`. */
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** What of it is shown, below its root; absent: all. */
  readonly subpath?: string;
}

/** An image whose files were asked for, beside the container's own. */
export interface ImageMount {
  readonly kind: "image";
  /** As it was named. */
  readonly image: string;
  readonly destination: ContainerPath;
  /** Else the container has changes of its own, which go with it: nothing of an image can be changed. */
  readonly readonly: boolean;
  readonly subpath?: string;
}

/** A container whose mounts are wanted. */
export interface VolumesFrom {
  readonly container: string;
  /** Absent: as it has them. */
  readonly readonly?: boolean;
}

/** Parses the value of `--volumes-from`. @throws {InvalidOption} */
export function parseVolumesFrom(text: string): VolumesFrom {
  const [, container = "", mode] = /^([^:]+)(?::(ro|rw|z|Z))?$/.exec(text) ?? [];
  if (container === "")
    throw new InvalidOption(
      { option: "--volumes-from", value: text },
      `invalid volumes-from ${JSON.stringify(text)}: wants CONTAINER[:ro]`,
    );
  return { container, ...(mode === "ro" && { readonly: true }) };
}

const PROPAGATION = new Set(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
/** Words that change nothing here: consistency on macOS; relabelling, since our containers have no SELinux label. */
const WITHOUT_EFFECT = new Set(["consistent", "cached", "delegated", "z", "Z"]);
/** It names a directory. */
const LONGEST_NAME = 255;
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Parses the value of `-v`. @throws {InvalidOption} */
export function parseVolume(text: string): BindMount | VolumeMount {
  const fields = text.split(":");
  if (fields.length === 1) fields.unshift("");
  const [source = "", destination = "", options = ""] = fields;
  const invalid = (why: string) =>
    new InvalidOption({ option: "--volume", value: text }, `Invalid volume specification: '${text}': ${why}`);
  if (fields.length > 3) throw invalid("more than three fields");
  if (!posix.isAbsolute(destination)) throw invalid("mount path must be absolute");
  const target = posix.resolve(destination) as ContainerPath; // absolute now
  if (target === "/") throw invalid("destination can't be '/'");
  const { readonly, propagation, copies, isMapped } = parseOptions(options, invalid);
  if (posix.isAbsolute(source) || /^\.\.?(\/|$)/.test(source))
    return {
      kind: "bind",
      source: posix.resolve(source) as HostPath, // absolute now
      destination: target,
      readonly,
      propagation: propagation ?? "rprivate",
      ...(isMapped && { isMapped }),
    };
  if (propagation !== undefined)
    throw invalid(`invalid mode: ${propagation}: a volume is nobody else's mount`);
  if (text.startsWith(":")) throw invalid("it names neither a path nor a volume");
  const name = source === "" ? undefined : parseVolumeName(source, "--volume");
  return { kind: "volume", ...(name !== undefined && { name }), destination: target, readonly, copies };
}

/** Checks the name of a volume. Docker's words. @throws {InvalidOption} */
export function parseVolumeName(text: string, option: string): string {
  if (VOLUME_NAME.test(text) && text.length <= LONGEST_NAME) return text;
  if (text.length > LONGEST_NAME)
    throw new InvalidOption(
      { option, value: text },
      `volume name is too long, names should be at most ${LONGEST_NAME} characters`,
    );
  if (/^[a-zA-Z0-9]$/.test(text))
    throw new InvalidOption(
      { option, value: text },
      "volume name is too short, names should be at least two alphanumeric characters",
    );
  throw new InvalidOption(
    { option, value: text },
    `${JSON.stringify(text)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}

function parseOptions(
  options: string,
  invalid: (why: string) => InvalidOption,
): { readonly: boolean; propagation: string | undefined; copies: boolean; isMapped: boolean } {
  let readonly = false;
  let propagation: string | undefined;
  let copies = true;
  let isMapped = false;
  for (const word of options === "" ? [] : options.split(",")) {
    if (word === "ro" || word === "rw") readonly = word === "ro";
    else if (PROPAGATION.has(word)) propagation = word;
    else if (word === "nocopy") copies = false;
    else if (word === "idmap")
      isMapped = true; // a volume's are so in any case
    else if (!WITHOUT_EFFECT.has(word)) throw invalid(`invalid mode: ${word}`);
  }
  return { readonly, propagation, copies, isMapped };
}
