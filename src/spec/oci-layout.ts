/** The `oci-layout` file, which says that a folder is an image layout. Source: image-spec image-layout.md. */
import { type Check, mustBe, object, string } from "./check.ts";
import { parseDocument } from "./document.ts";

/** The content of `oci-layout`. */
export interface ImageLayout {
  readonly imageLayoutVersion: string;
}

/** The version that we read and write. */
export const IMAGE_LAYOUT_VERSION = "1.0.0";
/** `oci-layout` holds one short field. */
export const MAX_LAYOUT_BYTES = 4096;

const version: Check<string> = (value) => {
  if (typeof value !== "string") return string(value);
  if (/^1\.\d+\.\d+$/.test(value)) return undefined;
  return [{ path: [], found: JSON.stringify(value.slice(0, 100)), wants: "a version 1.x.y" }];
};
const fields = object<ImageLayout>({ imageLayoutVersion: version });

/** Parses `oci-layout`. @throws {InvalidDocument} @throws {InvalidJSON} */
export function parseImageLayout(source: Uint8Array | string): ImageLayout {
  return mustBe(fields, parseDocument(source, "oci-layout", MAX_LAYOUT_BYTES), "oci-layout");
}
