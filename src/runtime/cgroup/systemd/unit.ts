/**
 * Which unit a container is under systemd, and where its cgroup then is. `cgroupsPath` has the form that runc gave it:
 * `slice:prefix:name` → `prefix-name.scope` in the slice.
 * Source: runc docs/systemd.md; systemd.slice(5), systemd.unit(5).
 */
import { TeuError } from "../../../base/index.ts";

/** The name cannot be a unit's. The first sentence is runc's. */
export class InvalidUnit extends TeuError<"invalid-unit", { text: string }> {
  constructor(context: { text: string }, words: string) {
    super("invalid-unit", "invalid", context, words);
  }
}

export interface UnitName {
  /** `docker-1234.scope`. */
  readonly name: string;
  /** `system.slice`. */
  readonly slice: string;
  /** `/system.slice/docker-1234.scope`: below each hierarchy's mount point. */
  readonly path: string;
}

/** Of a user's own systemd, runc's. */
const DEFAULT_USER_SLICE = "user.slice";
const DEFAULT_SLICE = "system.slice";
const DEFAULT_PREFIX = "teu";

/**
 * @param manager  The cgroup of the user's own systemd, which has all its units below it; absent: the system's.
 * @throws {InvalidUnit}
 */
export function unitOf(cgroupsPath: string | undefined, containerID: string, manager?: string): UnitName {
  const parts = cgroupsPath ? cgroupsPath.split(":") : ["", DEFAULT_PREFIX, containerID];
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3)
    throw new InvalidUnit(
      { text: cgroupsPath ?? "" },
      `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${JSON.stringify(cgroupsPath)} instead`,
    );
  if (name.endsWith(".slice"))
    throw new InvalidUnit({ text: name }, `invalid unit name: ${name}: a slice holds no processes`);
  const unit = `${prefix}-${name}.scope`;
  if (!/^[\w:.\\@-]{1,255}$/.test(unit)) throw new InvalidUnit({ text: unit }, `invalid unit name: ${unit}`);
  const parent = slice || (manager === undefined ? DEFAULT_SLICE : DEFAULT_USER_SLICE);
  return { name: unit, slice: parent, path: `${manager ?? ""}${expandSlice(parent)}/${unit}` };
}

/** `a-b.slice` → `/a.slice/a-b.slice`: each dash is a level. The root slice is the empty path. @throws {InvalidUnit} */
export function expandSlice(slice: string): string {
  const name = /^([\w:.\\@-]+)\.slice$/.exec(slice)?.[1];
  if (name === "-") return "";
  const components = name?.split("-") ?? [];
  if (components.length === 0 || components.includes(""))
    throw new InvalidUnit({ text: slice }, `invalid slice name: ${slice}`);
  return components.map((_, index) => `/${components.slice(0, index + 1).join("-")}.slice`).join("");
}
