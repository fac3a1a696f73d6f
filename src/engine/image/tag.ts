/** `teu tag`: one more name for an image. */
import { encodeReference, parseReference } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { putImage } from "../store/images.ts";
import type { Store } from "../store/store.ts";
import { findImage } from "./find.ts";
import { changeNames } from "./names.ts";

/** Calls the image `source` `target` too; whatever was called so before loses that name. @throws {NoSuchImage} */
export function tagImage(store: Store, source: string, target: string): void {
  const reference = parseReference(target);
  if (reference.digest !== undefined)
    throw new InvalidOption(
      { option: "TARGET", value: target },
      "Refusing to create a tag with a digest reference",
    );
  changeNames(store, () => {
    const { mediaType, digest, size } = findImage(store, source).record;
    const name = encodeReference(reference);
    putImage(store.database, store.namespace, { reference: name, mediaType, digest, size });
  });
}
