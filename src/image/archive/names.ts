/** How archives of images name what they hold. */

import { REF_NAME } from "../../content/index.ts";
import type { Annotations, Descriptor } from "../../spec/index.ts";

/** containerd's annotation for a whole reference; REF_NAME holds only a tag where docker writes it. */
export const CONTAINERD_NAME = "io.containerd.image.name";

/** The annotations by which other tools find `name`: containerd and docker read the whole one, skopeo the other. */
export function nameAnnotations(name: string): Annotations {
  return { [CONTAINERD_NAME]: name, [REF_NAME]: name };
}

/** The name of an entry of index.json: the whole reference where there is one. */
export function nameOf({ annotations = {} }: Descriptor): string | undefined {
  return annotations[CONTAINERD_NAME] ?? annotations[REF_NAME];
}
