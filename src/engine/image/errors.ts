/** What goes wrong with images. Docker's words where its users know them. */
import { TeuError } from "../../base/index.ts";
import { type Digest, digestEncoded } from "../../spec/index.ts";
import { shortID } from "../options/name.ts";

/** No image goes by this text. */
export class NoSuchImage extends TeuError<"no-such-image", { text: string }> {
  constructor(context: { text: string }) {
    super("no-such-image", "not-found", context, `No such image: ${context.text}`, {
      hint: `See 'teu images', or get it with 'teu pull ${context.text}'`,
    });
  }
}

/** More than one image's ID begins so. */
export class AmbiguousImageID extends TeuError<"ambiguous-image-id", { text: string; count: number }> {
  constructor(context: { text: string; count: number }) {
    super(
      "ambiguous-image-id",
      "invalid",
      context,
      `Ambiguous image ID ${JSON.stringify(context.text)}: ${context.count} images begin with it`,
    );
  }
}

/** It is for another platform than the one that was asked for. Docker's words. */
export class WrongPlatform extends TeuError<
  "wrong-platform",
  { image: string; platform: string; wanted: string }
> {
  constructor(context: { image: string; platform: string; wanted: string }) {
    super(
      "wrong-platform",
      "not-found",
      context,
      `Image ${context.image} was found but its platform (${context.platform}) does not match the specified platform (${context.wanted})`,
    );
  }
}

/** A container stands on it: by docker's words, of the name or of the ID that was to go. */
export class ImageInUse extends TeuError<"image-in-use", { image: string; container: string }> {
  constructor(
    { image, byID, digest }: { image: string; byID: boolean; digest: Digest },
    container: { readonly id: string; readonly name: string; readonly isRunning: boolean },
  ) {
    const [user, id] = [shortID(container.id), shortID(digestEncoded(digest))];
    const state = container.isRunning ? "running" : "stopped";
    super(
      "image-in-use",
      "failed-precondition",
      { image, container: container.name },
      byID
        ? `conflict: unable to delete ${image} (must be forced) - image is being used by ${state} container ${user}`
        : `conflict: unable to remove repository reference ${JSON.stringify(image)} (must force) - container ${user} is using its referenced image ${id}`,
      { hint: `Remove the container first: teu rm ${container.name}` },
    );
  }
}

/** An ID by which several names would go. */
export class ImageHasNames extends TeuError<"image-has-names", { image: string; names: readonly string[] }> {
  constructor(context: { image: string; names: readonly string[] }) {
    super(
      "image-has-names",
      "failed-precondition",
      context,
      `conflict: unable to delete ${context.image} (must be forced) - image is referenced in multiple repositories`,
      { hint: `It is called ${context.names.join(", ")}: remove these names, or use --force` },
    );
  }
}

/** Its layers do not begin with those of the base that it should be on. */
export class NotOnBase extends TeuError<"not-on-base", { image: string; base: string }> {
  constructor(context: { image: string; base: string }) {
    super(
      "not-on-base",
      "failed-precondition",
      context,
      `Cannot rebase ${context.image}: its layers do not begin with those of ${context.base}`,
    );
  }
}

/** It is one image, and no index of several. */
export class NotAnIndex extends TeuError<"not-an-index", { image: string }> {
  constructor(context: { image: string }) {
    super("not-an-index", "invalid", context, `${context.image} is one image, and no index of several`, {
      hint: "Make one with 'teu image index create'",
    });
  }
}
