/**
 * Places of a bundle where parts of volumes and of images are mounted, from which the runtime takes them: what is shown to a container is
 * decided once, by descriptor, whatever becomes of names meanwhile.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type HostPath, TeuError } from "../../base/index.ts";
import { check, errno, errnoOf, errnoSentence, layerFiles } from "../../sys/index.ts";
import { bindTree, isMountPoint, unmount } from "./calls.ts";

/** There is no such part, or it cannot be opened. */
export class SubpathRefused extends TeuError<"subpath-refused", { of: string; subpath: string }> {
  constructor(context: { of: string; subpath: string }, number: number) {
    const { of, subpath } = context;
    super(
      "subpath-refused",
      "not-found",
      context,
      `Cannot mount ${JSON.stringify(subpath)} of ${of}: ${errnoSentence(number)}`,
    );
  }
}

const FOLDER = "mounts";
const O_PATH = 0o10000000;

/** Where the mount `index` of the container's has its place in `bundle`. */
export function placeOf(bundle: HostPath, index: number): HostPath {
  return join(bundle, FOLDER, `${index}`) as HostPath;
}

/**
 * Shows what is at `subpath` below `root` at `place`. The kernel resolves it as if `root` were the root directory (openat2, RESOLVE_IN_ROOT),
 * and what it found is what is mounted: no link leads out, nor one that comes later.
 * @param of  What it is a part of, for an error: `volume data`
 * @returns `place`
 * @throws {SubpathRefused}
 */
export function showPart(root: HostPath, subpath: string, place: HostPath, of: string): HostPath {
  const files = layerFiles<string>();
  const whole = check(files.openDirectory(root), "open", root);
  try {
    const part = files.openInRoot(whole, Buffer.from(subpath).toString("latin1"), O_PATH);
    if (part < 0) throw new SubpathRefused({ of, subpath }, -part);
    try {
      if (fstatSync(part).isDirectory()) makePlace(place);
      else {
        mkdirSync(join(place, ".."), { recursive: true, mode: 0o700 });
        writeFileSync(place, "", { mode: 0o600 });
      }
      attach(part, place, { of, subpath });
      return place;
    } finally {
      closeSync(part);
    }
  } finally {
    closeSync(whole);
  }
}

/** @throws {SubpathRefused} It has been removed since it was found. */
function attach(part: number, place: HostPath, context: { of: string; subpath: string }): void {
  try {
    bindTree(part, place);
  } catch (error) {
    throw errnoOf(error) === "ENOENT" ? new SubpathRefused(context, errno.ENOENT) : error;
  }
}

/** Makes the directory `place`. */
export function makePlace(place: HostPath): void {
  mkdirSync(place, { recursive: true, mode: 0o700 });
}

/** Takes all places of `bundle` away. None is removed with what is in it: what is mounted there is not ours to empty. */
export function closePlaces(bundle: HostPath): void {
  const folder = join(bundle, FOLDER);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) closePlace(join(folder, name) as HostPath);
  rmdirSync(folder);
}

/** Takes one away. */
export function closePlace(place: HostPath): void {
  while (isMountPoint(place)) unmount(place);
  if (statSync(place).isDirectory()) rmdirSync(place);
  else unlinkSync(place);
}
