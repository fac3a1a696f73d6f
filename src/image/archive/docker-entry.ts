/**
 * What manifest.json of an archive says, by which docker and podman load it: its blobs are those of the layout beside it, as in what
 * `docker save` writes. Source: moby daemon/internal/image/tarexport.
 */
import { hasCode } from "../../base/index.ts";
import type { ContentStore } from "../../content/index.ts";
import {
  type Descriptor,
  familiarReference,
  type Manifest,
  mediaTypeKind,
  type Platform,
  parseReference,
} from "../../spec/index.ts";
import { readImage } from "../read-image.ts";
import { walkImage } from "../walk-image.ts";
import { blobName } from "./member.ts";

/** An entry of manifest.json. Docker takes names without a tag for damage: they are left out. */
export function dockerEntry({ config, layers }: Manifest, names: readonly string[]): object {
  const references = names.map(parseReference).filter(({ digest }) => digest === undefined);
  return {
    Config: blobName(config.digest),
    RepoTags: references.length === 0 ? null : references.map(familiarReference),
    Layers: layers.map(({ digest }) => blobName(digest)),
  };
}

/** Of all that `root` leads to, the one image that docker can have: that of `platform`, else the first that is whole. */
export function dockerChoice(
  store: ContentStore,
  root: Descriptor,
  platform: Platform,
): Manifest | undefined {
  const chosen = wholeImage(store, root, platform);
  if (chosen !== undefined) return chosen;
  for (const { descriptor, isHere } of walkImage(store, root)) {
    if (!isHere || mediaTypeKind(descriptor.mediaType) !== "manifest") continue;
    const found = wholeImage(store, descriptor, platform);
    if (found !== undefined) return found;
  }
  return undefined;
}

function wholeImage(store: ContentStore, root: Descriptor, platform: Platform): Manifest | undefined {
  try {
    const { manifest } = readImage(store, root, platform);
    return manifest.layers.every(({ digest }) => store.has(digest)) ? manifest : undefined;
  } catch (error) {
    // An artifact, say, or an index of other platforms.
    if (["not-an-image", "no-matching-platform", "blob-not-found"].some((code) => hasCode(error, code)))
      return undefined;
    throw error;
  }
}
