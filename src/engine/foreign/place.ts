/** What the stores of other programs have in common. */
import { openSync } from "node:fs";
import { hasCode, TeuError } from "../../base/index.ts";
import { type ImageSource, InvalidPlace } from "../../image/index.ts";
import { parseReference } from "../../spec/index.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** An image, or all of them where the name is empty, in the store that is meant or the usual one. */
export interface ForeignPlace {
  /** What stands in brackets before the name, as skopeo has it: where the store lies. */
  readonly store: string | undefined;
  readonly name: string;
}

/** One image of a foreign store, opened when its turn comes. */
export interface ForeignImage {
  readonly open: () => ForeignSource;
}

/** An image that knows what it is called there: a reference. */
export interface ForeignSource extends ImageSource {
  readonly imageName: string;
}

/** That program has no store there. */
export class ForeignStoreMissing extends TeuError<"foreign-store-missing", { place: string; path: string }> {
  constructor({ place, path, hint }: { place: string; path: string; hint: string }) {
    super("foreign-store-missing", "not-found", { place, path }, `Cannot read ${place} there is no ${path}`, {
      hint,
    });
  }
}

/** Whether the text is a reference: other programs call images by IDs too. */
export function isName(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (hasCode(error, "invalid-reference")) return false;
    throw error;
  }
}

/** Opens a file of `place`. The caller closes it. @throws {InvalidPlace} with `missing`, when it is not there */
export function openFile(place: string, path: string, missing: string, hint?: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new InvalidPlace({ place, why: missing }, { cause: error, ...(hint !== undefined && { hint }) });
  }
}
