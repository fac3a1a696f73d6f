/** Names of images as docker shows them: as they were written, without what docker.io adds. */
import { hasCode } from "../base/index.ts";
import { familiarReference, parseReference } from "../spec/index.ts";

/** How it is shown. */
interface NameOptions {
  /** Whether a name without a tag gets its `latest`. */
  readonly addsTag?: boolean;
  readonly keepsDigest?: boolean;
}

/** `docker.io/library/box` is `box`. What is no reference is left as it is. */
export function familiarName(
  text: string,
  { addsTag = false, keepsDigest = true }: NameOptions = {},
): string {
  try {
    const reference = parseReference(text);
    const { digest, tag } = reference;
    const isTagged = addsTag || tag === undefined || text.split("@")[0]?.endsWith(`:${tag}`) === true;
    return familiarReference({
      ...reference,
      tag: isTagged ? tag : undefined,
      digest: keepsDigest ? digest : undefined,
    });
  } catch (error) {
    if (hasCode(error, "invalid-reference")) return text;
    throw error;
  }
}
