/** Places of images as people write them, in skopeo's words. What has no such word before it is an image of the store. */
import { TeuError, Unsupported } from "../../base/index.ts";
import type { ArchiveKind } from "../../image/index.ts";
import { parseReference, type Reference } from "../../spec/index.ts";
import type { ForeignPlace } from "../foreign/place.ts";

/** A place, parsed. */
export type Place =
  | { readonly kind: "docker"; readonly reference: Reference }
  | { readonly kind: "oci"; readonly folder: string; readonly image: string | undefined }
  | { readonly kind: ArchiveKind; readonly file: string; readonly image: string | undefined }
  | { readonly kind: "dir"; readonly folder: string }
  | ({ readonly kind: ForeignKind } & ForeignPlace)
  | { readonly kind: "store"; readonly name: string };

/** Whose store: only read. */
export type ForeignKind = "docker-daemon" | "containers-storage" | "containerd";

/** The text names no place. */
export class InvalidPlaceName extends TeuError<"invalid-place-name", { text: string; reason: string }> {
  constructor(context: { text: string; reason: string }) {
    super(
      "invalid-place-name",
      "invalid",
      context,
      `Invalid place ${JSON.stringify(context.text)}: ${context.reason}`,
      {
        hint: "Places are docker://IMAGE, oci:FOLDER[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], dir:FOLDER, to read docker-daemon:IMAGE, containers-storage:IMAGE and containerd:[NAMESPACE/]IMAGE, and names of images of this machine",
      },
    );
  }
}

/** skopeo's, which are other programs' stores. */
const FOREIGN = /^(ostree|atomic|tarball|sif):/;

/** Parses `text`. @throws {InvalidPlaceName} @throws {InvalidReference} @throws {Unsupported} */
export function parsePlace(text: string): Place {
  const [, foreign] = FOREIGN.exec(text) ?? [];
  if (foreign !== undefined)
    throw new Unsupported({
      what: `place ${foreign}:`,
      why: "such places are neither read nor written",
    });
  const [, kind, rest = ""] =
    /^(docker|oci|oci-archive|docker-archive|dir|docker-daemon|containers-storage|containerd|store):(.*)$/s.exec(
      text,
    ) ?? [];
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
    case "docker-daemon":
      return { kind, store: undefined, name: rest };
    case "containers-storage":
    case "containerd": {
      const [, store, name = ""] = /^(?:\[([^\]]*)\])?(.*)$/s.exec(rest) ?? [];
      return { kind, store: store || undefined, name };
    }
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
