/** Places of images as people write them, in skopeo's words. What has no such word before it is an image of the store. */
import { TeuError, Unsupported } from "../../base/index.ts";
import type { ArchiveKind } from "../../image/index.ts";
import { parseReference, type Reference } from "../../spec/index.ts";

/** A place, parsed. */
export type Place =
  | { readonly kind: "docker"; readonly reference: Reference }
  | { readonly kind: "oci"; readonly folder: string; readonly image: string | undefined }
  | { readonly kind: ArchiveKind; readonly file: string; readonly image: string | undefined }
  | { readonly kind: "dir"; readonly folder: string }
  | { readonly kind: "store"; readonly name: string };

/** The text names no place. */
export class InvalidPlaceName extends TeuError<"invalid-place-name", { text: string; reason: string }> {
  constructor(context: { text: string; reason: string }) {
    super(
      "invalid-place-name",
      "invalid",
      context,
      `Invalid place ${JSON.stringify(context.text)}: ${context.reason}`,
      {
        hint: "Places are docker://IMAGE, oci:FOLDER[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], dir:FOLDER, and names of images of this machine",
      },
    );
  }
}

/** skopeo's, which are other programs' stores. */
const FOREIGN = /^(docker-daemon|containers-storage|ostree|atomic|tarball|sif):/;

/** Parses `text`. @throws {InvalidPlaceName} @throws {InvalidReference} @throws {Unsupported} */
export function parsePlace(text: string): Place {
  const [, foreign] = FOREIGN.exec(text) ?? [];
  if (foreign !== undefined)
    throw new Unsupported({
      what: `place ${foreign}:`,
      why: "stores of other programs are neither read nor written",
    });
  const [, kind, rest = ""] = /^(docker|oci|oci-archive|docker-archive|dir|store):(.*)$/s.exec(text) ?? [];
  switch (kind) {
    case "docker":
      // "docker:dind" is an image.
      if (!rest.startsWith("//")) return { kind: "store", name: text };
      return { kind, reference: parseReference(rest.slice(2)) };
    case "oci":
      return { kind, ...splitLayout(text, rest) };
    case "oci-archive":
    case "docker-archive": {
      const [file, image] = splitImage(text, rest);
      return { kind, file, image };
    }
    case "dir":
      if (rest === "") throw new InvalidPlaceName({ text, reason: "it names no folder" });
      return { kind, folder: rest };
    default:
      return { kind: "store", name: kind === "store" ? rest : text };
  }
}

function splitLayout(text: string, rest: string): { folder: string; image: string | undefined } {
  // A digest, as crane and oras write it: oci:FOLDER@sha256:….
  const at = /^([^:]+)(@[a-z0-9]+:[0-9a-zA-Z]+)$/.exec(rest);
  if (at !== null) return { folder: at[1] ?? "", image: at[2] };
  const [folder, image] = splitImage(text, rest);
  return { folder, image };
}

/** At the first colon, as skopeo does: no path of such a place may hold one. */
function splitImage(text: string, rest: string): [path: string, image: string | undefined] {
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const image = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path === "") throw new InvalidPlaceName({ text, reason: "it names no file or folder" });
  if (image === "") throw new InvalidPlaceName({ text, reason: "nothing follows the colon" });
  return [path, image];
}
