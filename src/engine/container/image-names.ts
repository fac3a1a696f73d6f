/** What the images of containers are called now: a name may have been given to another image since. Source: moby daemon/list.go. */
import { hasCode } from "../../base/index.ts";
import {
  type Digest,
  digestEncoded,
  encodeReference,
  familiarReference,
  parseReference,
} from "../../spec/index.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { namesOfContainersImages } from "../store/images.ts";
import type { Records } from "../store/store.ts";

/** Of one container's image. */
export interface ImageNames {
  /** As it was named when the container was made, while that means this image; else its ID. */
  readonly imageNow: string;
  /** Every name that it has, as people write them. */
  readonly imageNames: readonly string[];
}

/** @returns what tells of each container: the records are read once, and every name is parsed once */
export function imageNamer({
  database,
  namespace,
}: Records): (container: Pick<ContainerRecord, "image" | "imageTarget">) => ImageNames {
  const references = Map.groupBy(namesOfContainersImages(database, namespace), ({ digest }) => digest);
  const known = new Map<string, ImageNames>();
  return ({ image, imageTarget: { digest } }) => {
    const key = `${digest} ${image}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const own = (references.get(digest) ?? []).map(({ reference }) => reference);
    const names = {
      imageNow: means(image, digest, own) ? image : digest,
      imageNames: own.map((reference) => familiarReference(parseReference(reference))),
    };
    known.set(key, names);
    return names;
  };
}

function means(text: string, digest: Digest, references: readonly string[]): boolean {
  try {
    const reference = parseReference(text);
    if (reference.digest === digest || references.includes(encodeReference(reference))) return true;
  } catch (error) {
    if (!hasCode(error, "invalid-reference")) throw error; // an ID with its algorithm, for instance
  }
  return digestEncoded(digest).startsWith(text.replace(/^sha256:/, ""));
}
