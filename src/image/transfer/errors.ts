/** What can go wrong with places of images. */
import { TeuError } from "../../base/index.ts";

/** The place holds no image of this name, or none at all. */
export class NoImageInPlace extends TeuError<
  "no-image-in-place",
  { place: string; available: readonly string[] }
> {
  constructor(context: { place: string; available: readonly string[] }) {
    const { place, available } = context;
    const has = available.length === 0 ? "it names none" : `it has ${available.join(", ")}`;
    super("no-image-in-place", "not-found", context, `Cannot find the image ${place}: ${has}`);
  }
}

/** The place holds several images, and its name says not which. */
export class SeveralImagesInPlace extends TeuError<
  "several-images-in-place",
  { place: string; available: readonly string[] }
> {
  constructor(context: { place: string; available: readonly string[] }) {
    const { place, available } = context;
    super(
      "several-images-in-place",
      "invalid",
      context,
      `Cannot choose an image of ${place}: it has ${available.join(", ")}`,
      { hint: `Say which one: ${place}:NAME` },
    );
  }
}

/** A folder, a file or an archive is not of the form that its name says. */
export class InvalidPlace extends TeuError<"invalid-place", { place: string; why: string }> {
  constructor(context: { place: string; why: string }, options?: { cause?: unknown }) {
    super("invalid-place", "invalid", context, `Cannot use ${context.place}: ${context.why}`, options);
  }
}

/** The copy would be another image, and the person forbade that. */
export class DigestWouldChange extends TeuError<"digest-would-change", { digest: string; why: string }> {
  constructor(context: { digest: string; why: string }) {
    super(
      "digest-would-change",
      "failed-precondition",
      context,
      `Cannot copy ${context.digest} under its digest: ${context.why}`,
      { hint: "Leave out --preserve-digests, or what asks for the change" },
    );
  }
}
