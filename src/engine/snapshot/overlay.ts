/**
 * Mounts a stack of layer directories with a writable one on top.
 * Source: kernel Documentation/filesystems/overlayfs.rst; fsopen(2), fsconfig(2), fsmount(2), move_mount(2).
 */
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { type HostPath, TeuError } from "../../base/index.ts";
import {
  check,
  cString,
  errno,
  errnoName,
  errnoSentence,
  isInUserNamespace,
  syscall,
} from "../../sys/index.ts";
import { attachMount, bindTree, messageOfContext, setOption, unmount } from "../mount/calls.ts";

/** The directories of an overlay that is written to. */
export interface Writable {
  readonly upper: HostPath;
  readonly work: HostPath;
  /**
   * Whether nobody wants what is written when the machine has lost its power. The kernel then syncs nothing of it, where otherwise each unmount
   * writes all that is dirty in the file system below, whoever wrote it: 4 ms in the median on a busy machine, 80 for one in ten.
   */
  readonly isPassing?: boolean;
}

/** What to mount; every path is absolute and all layers lie below `base`. */
export interface Overlay {
  readonly base: HostPath;
  /** Top first. */
  readonly lower: readonly HostPath[];
  /** Where changes go; without it nothing can be changed, and there are at least two layers. */
  readonly writable?: Writable;
  readonly target: HostPath;
}

/** How layers are mounted. */
export type MountLayers = (overlay: Overlay) => void;

/** The kernel would not mount the layers. */
export class MountFailed extends TeuError<
  "mount-failed",
  { target: string; layers: number; errno: string; said: string }
> {
  constructor(context: { target: string; layers: number; errno: string; said: string }, number: number) {
    const said = context.said === "" ? "" : ` (${context.said})`;
    super(
      "mount-failed",
      "failed-precondition",
      context,
      `Cannot mount ${context.layers} layers on ${JSON.stringify(context.target)}: ${errnoSentence(number)}${said}`,
    );
  }
}

const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;

/** Mounts `overlay` on its target. @throws {MountFailed} */
export function mountOverlay(overlay: Overlay): void {
  const { writable } = overlay;
  // The kernel's mark of an earlier mount that synced nothing; it refuses the next one, since power may have been lost between.
  if (writable?.isPassing) rmSync(join(writable.work, "work/incompat"), { recursive: true, force: true });
  // An image without layers has nothing to lie below.
  if (overlay.lower.length === 0 && overlay.writable !== undefined) {
    bindTree(overlay.writable.upper, overlay.target);
    return;
  }
  // One layer per call, of any length; Linux 6.7 and later. `lowerdir=a:b` is bounded by a page.
  const added = mountWith(overlay, (context) => {
    for (const directory of overlay.lower) {
      const result = setOption(context, "lowerdir+", directory);
      if (result < 0) return result;
    }
    return 0;
  });
  if (added !== "unknown-option") return;
  mountByShortNames(overlay);
}

/**
 * The tree that `layers` (top first, all below `base`) make, for reading: a path that is good until it is disposed of.
 * No name leads to the mount, so that nothing is left of it when this process is killed.
 * @param place  An empty directory for the moment in between.
 */
export function openMerged(
  base: HostPath,
  layers: readonly [HostPath, ...HostPath[]],
  place: HostPath,
): Disposable & { readonly path: HostPath } {
  const [only, ...others] = layers;
  if (others.length === 0) return { path: only, [Symbol.dispose]: () => undefined };
  mountOverlay({ base, lower: layers, target: place });
  try {
    const root = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY);
    return { path: `/proc/self/fd/${root}` as HostPath, [Symbol.dispose]: () => closeSync(root) };
  } finally {
    unmount(place);
  }
}

/** The same for kernels before 6.7: all names in one option, relative to the folder of the snapshots, so that 127 layers fit. */
export function mountByShortNames(overlay: Overlay): void {
  const before = process.cwd();
  process.chdir(overlay.base);
  try {
    const names = overlay.lower.map((directory) => relative(overlay.base, directory)).join(":");
    const { upper, work, isPassing } = overlay.writable ?? {};
    const options = [
      `lowerdir=${names}`,
      ...(isInUserNamespace() ? ["userxattr"] : []),
      ...(upper === undefined ? [] : [`upperdir=${relative(overlay.base, upper)}`]),
      ...(work === undefined ? [] : [`workdir=${relative(overlay.base, work)}`]),
      ...(isPassing ? ["volatile"] : []),
    ].join(",");
    const type = cString("overlay");
    const result = syscall("mount", type, cString(overlay.target), type, 0, cString(options));
    if (result < 0) throw failed(overlay, result, "");
  } finally {
    process.chdir(before);
  }
}

function mountWith(overlay: Overlay, setLower: (context: number) => number): "mounted" | "unknown-option" {
  const context = check(syscall("fsopen", cString("overlay"), FSOPEN_CLOEXEC), "fsopen", "overlay");
  let mount = -1;
  try {
    const lower = setLower(context);
    if (lower === -errno.EINVAL) return "unknown-option";
    const { upper, work, isPassing } = overlay.writable ?? {};
    const steps = [
      lower,
      // What `df` and `mount` in the container call it.
      setOption(context, "source", "overlay"),
      isInUserNamespace() ? setOption(context, "userxattr", undefined) : 0,
      upper === undefined ? 0 : setOption(context, "upperdir", upper),
      work === undefined ? 0 : setOption(context, "workdir", work),
      isPassing ? setOption(context, "volatile", undefined) : 0,
      syscall("fsconfig", context, FSCONFIG_CMD_CREATE, 0, 0, 0),
    ];
    const wrong = steps.find((result) => result < 0);
    if (wrong !== undefined) {
      const said = messageOfContext(context);
      // Before 6.5 overlayfs hears of an option when all are there, and says what it has against it to the kernel's log alone.
      if (wrong === -errno.EINVAL && said === "") return "unknown-option";
      throw failed(overlay, wrong, said);
    }
    mount = syscall("fsmount", context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0) throw failed(overlay, mount, messageOfContext(context));
    attachMount(mount, overlay.target);
    return "mounted";
  } finally {
    closeSync(context);
    if (mount >= 0) closeSync(mount);
  }
}

function failed(overlay: Overlay, result: number, said: string): MountFailed {
  const { target, lower } = overlay;
  return new MountFailed({ target, layers: lower.length, errno: errnoName(-result), said }, -result);
}
