/** How archives of images name what they hold. */

import { REF_NAME } from "../../content/index.ts";
import type { Annotations, Descriptor, Digest } from "../../spec/index.ts";
import type { ImportedImage } from "./content.ts";

/** containerd's annotation for a whole reference; REF_NAME holds only a tag where docker writes it. */
export const CONTAINERD_NAME = "io.containerd.image.name";

/** The annotations by which other tools find `name`: containerd and docker read the whole one, skopeo the other. */
export function nameAnnotations(name: string): Annotations {
  return { [CONTAINERD_NAME]: name, [REF_NAME]: name };
}

/** The images of an index.json, each with all its names. */
export function byDigest(entries: readonly Descriptor[]): ImportedImage[] {
  const images = new Map<Digest, { descriptor: Descriptor; names: string[] }>();
  for (const entry of entries) {
    const { annotations: _, ...descriptor } = entry;
    const image = images.get(entry.digest) ?? { descriptor, names: [] as string[] };
    const name = nameOf(entry);
    if (name !== undefined) image.names.push(name);
    images.set(entry.digest, image);
  }
  return [...images.values()];
}

/** The name of an entry: the whole reference where there is one. */
function nameOf({ annotations = {} }: Descriptor): string | undefined {
  return annotations[CONTAINERD_NAME] ?? annotations[REF_NAME];
}
