/** `--storage-opt size=SIZE`: how much a container may write beside its volumes. Source: docker run reference, --storage-opt; moby overlay2. */
import { InvalidOption } from "./error.ts";
import { parseSize } from "./limits.ts";

/** Options of a container's writable layer, as they were given. */
export interface StorageOptions {
  /** As `10g`. */
  readonly size?: string;
}

const OPTION = "--storage-opt";

/** Parses the values of `--storage-opt`. Docker's words. @returns undefined for none @throws {InvalidOption} */
export function parseStorage(texts: readonly string[]): StorageOptions | undefined {
  let size: string | undefined;
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (value === undefined)
      throw new InvalidOption(
        { option: OPTION, value: text },
        `invalid storage option ${JSON.stringify(text)}: wants size=SIZE`,
      );
    if (key.toLowerCase() !== "size")
      throw new InvalidOption(
        { option: OPTION, value: text },
        `Unknown option ${key}: ${OPTION} takes size=SIZE`,
      );
    parseSize(value, OPTION);
    size = value;
  }
  return size === undefined ? undefined : { size };
}

/** 0: no limit, as docker has it. */
export function storageBytes({ size = "0" }: StorageOptions): number {
  return parseSize(size, OPTION);
}
