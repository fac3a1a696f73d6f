/** The directories of a volume, limited where it is to be, before anything is in them: what is in them belongs to the limit. */
import { readdirSync, rmdirSync } from "node:fs";
import { makeFolder } from "../../content/index.ts";
import { parseSize } from "../options/limits.ts";
import { limitDirectory } from "../snapshot/limit-directory.ts";
import type { Store } from "../store/store.ts";
import { dataDirectory, volumeDirectory } from "./place.ts";

/** Makes them, unless they are there. @throws {NoProjectQuota} */
export function makeVolumeFolder(
  store: Store,
  name: string,
  { size }: Readonly<Record<string, string>>,
): void {
  if (size !== undefined) {
    const around = volumeDirectory(store, name);
    makeFolder(around, 0o755);
    try {
      limitDirectory(store, around, parseSize(size, "size"));
    } catch (error) {
      if (readdirSync(around).length === 0) rmdirSync(around);
      throw error;
    }
  }
  makeFolder(dataDirectory(store, name), 0o755);
}
