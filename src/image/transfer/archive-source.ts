/**
 * `oci-archive:FILE[:NAME]` and `docker-archive:FILE[:NAME]`, read: unpacked once, checked, into a folder that goes when the
 * source is disposed of, since members come in any order and may be compressed. Names within are keys, never paths.
 * Source: image-spec image-layout.md; docker-archive as docker and skopeo write it, before and after it took OCI's form.
 */
import { closeSync, createReadStream, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../content/index.ts";
import { importArchive } from "../archive/import.ts";
import type { ByteSource } from "../compression.ts";
import { contentSource } from "./content-place.ts";
import { InvalidPlace } from "./errors.ts";
import { findImage, referrersAmong } from "./find-image.ts";
import type { ImageSource } from "./place.ts";

/** Whose archive. */
export type ArchiveKind = "oci-archive" | "docker-archive";

/** An archive, and which of its images. */
export interface ArchivePlace {
  readonly kind: ArchiveKind;
  readonly file: string;
  /** A name, or `@0` for the first image. */
  readonly image: string | undefined;
}

/** Unpacks the archive and opens its image. @throws {InvalidImageArchive} @throws {NoImageInPlace} @throws {SeveralImagesInPlace} */
export async function archiveSource(
  { kind, file, image }: ArchivePlace,
  signal?: AbortSignal,
): Promise<ImageSource> {
  const place = `${kind}:${file}`;
  return await unpackedSource(place, openArchive(place, file), image, signal);
}

/** The same of an archive whose bytes are at hand. */
export async function unpackedSource(
  place: string,
  source: ByteSource,
  image: string | undefined,
  signal?: AbortSignal,
): Promise<ImageSource> {
  const folder = mkdtempSync(join(tmpdir(), "teu-archive-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const store = ContentStore.open(folder);
    const images = await importArchive(store, source, signal);
    const root = findImage(place, images, image);
    return contentSource(store, image === undefined ? place : `${place}:${image}`, root, {
      referrers: referrersAmong(
        store,
        images.map(({ descriptor }) => descriptor),
      ),
      [Symbol.asyncDispose]: async () => remove(),
    });
  } catch (error) {
    remove();
    throw error;
  }
}

function openArchive(place: string, file: string): AsyncIterable<Uint8Array> {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    const why =
      error instanceof Error && "code" in error && error.code === "ENOENT"
        ? "there is no such file"
        : "it cannot be opened";
    throw new InvalidPlace({ place, why }, { cause: error });
  }
  if (fstatSync(descriptor).isDirectory()) {
    closeSync(descriptor);
    throw new InvalidPlace({ place, why: "it is a directory" });
  }
  return createReadStream("", { fd: descriptor, highWaterMark: 1 << 20 });
}
