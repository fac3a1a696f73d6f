/** What plans have to know of the host's mounts. Source: proc(5), /proc/PID/mountinfo. */
import { unescapeOctal } from "../unescape-octal.ts";

interface HostMount {
  /** The directory of its file system that it shows. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
}

/** The mount point that `path` lies on: of those that are above it the longest, of those in one place the last. */
export function mountOf(path: string, mountinfo: string): string {
  const above = parseMounts(mountinfo).filter(
    ({ mountPoint }) => mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`),
  );
  return above.reduce((best, { mountPoint }) => (mountPoint.length >= best.length ? mountPoint : best), "/");
}

/** Mount points of whole procfs and sysfs outside of `rootfs`, the last first, so that what lies on top goes first. */
export function hostProcs(rootfs: string, mountinfo: string): string[] {
  return parseMounts(mountinfo)
    .filter(({ root, type }) => root === "/" && (type === "proc" || type === "sysfs"))
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => !path.startsWith(`${rootfs}/`))
    .toReversed();
}

/** The mounts that those lie on: what is taken off them is told to whom they share with. */
export function parentsOf(paths: readonly string[], mountinfo: string): string[] {
  return [...new Set(paths.map((path) => mountOf(path.slice(0, path.lastIndexOf("/")) || "/", mountinfo)))];
}

function parseMounts(mountinfo: string): HostMount[] {
  return mountinfo
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, , , root = "", mountPoint = ""] = line.split(" ");
      const type = line.slice(line.indexOf(" - ") + 3).split(" ")[0] ?? "";
      return { root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint), type };
    });
}
