/** Where volumes lie, and what goes wrong with them. */
import { join } from "node:path";
import { type HostPath, TeuError } from "../../base/index.ts";
import type { Store } from "../store/store.ts";
import type { VolumeRecord } from "../store/volumes.ts";

/** No volume goes by this name. Docker's words. */
export class NoSuchVolume extends TeuError<"no-such-volume", { name: string }> {
  constructor(context: { name: string }) {
    super("no-such-volume", "not-found", context, `get ${context.name}: no such volume`);
  }
}

/** Containers have it. Docker's words. */
export class VolumeInUse extends TeuError<"volume-in-use", { name: string; containers: readonly string[] }> {
  constructor(context: { name: string; containers: readonly string[] }) {
    super(
      "volume-in-use",
      "failed-precondition",
      context,
      `remove ${context.name}: volume is in use - [${context.containers.join(", ")}]`,
    );
  }
}

/** The directory of a volume: its data, and what is in the making. */
export function volumeDirectory(
  { paths, namespace }: Pick<Store, "paths" | "namespace">,
  name: string,
): HostPath {
  return join(paths.volumes, namespace, name) as HostPath;
}

/** What containers see of a volume. */
export function dataDirectory(store: Pick<Store, "paths" | "namespace">, name: string): HostPath {
  return join(volumeDirectory(store, name), "_data") as HostPath;
}

/** A volume of this name is there, and it is another kind of volume. */
export class VolumeDiffers extends TeuError<"volume-differs", { name: string }> {
  constructor(context: { name: string }) {
    super(
      "volume-differs",
      "already-exists",
      context,
      `Cannot create volume ${context.name}: it is there already, with other options`,
    );
  }
}

/** A volume that is there must be as it is asked for, where more than its name is said. @throws {VolumeDiffers} */
export function checkDiffers(known: VolumeRecord, options: VolumeRecord["options"]): void {
  if (Object.keys(options).length > 0 && !Bun.deepEquals(known.options, options))
    throw new VolumeDiffers({ name: known.name });
}
