/**
 * `index.json`: what an image layout names. Its descriptors' `org.opencontainers.image.ref.name` are the names.
 * Where two entries have the same name, as other tools write them, the first counts and naming replaces all.
 * Source: image-spec image-layout.md, index.json.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Descriptor,
  type ImageIndex,
  MAX_MANIFEST_BYTES,
  mediaTypes,
  parseImageIndex,
} from "../spec/index.ts";
import { replaceFile } from "./durable.ts";
import { errnoOf, InvalidLayout, writeError } from "./errors.ts";
import { lock } from "./owner-lock.ts";

/** The annotation that names an entry of index.json. */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** An index without entries. */
export const EMPTY_INDEX: string = JSON.stringify({
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests: [],
});

/** The index of one layout. */
export class IndexFile {
  readonly #path: string;

  constructor(root: string) {
    this.#path = join(root, "index.json");
  }

  /** What the layout holds. @throws {InvalidLayout} @throws {InvalidDocument} @throws {InvalidJSON} */
  read(): ImageIndex {
    try {
      // Asked before reading: a layout may come from anywhere.
      if (statSync(this.#path).size > MAX_MANIFEST_BYTES)
        throw new InvalidLayout({ path: this.#path, why: `it has more than ${MAX_MANIFEST_BYTES} bytes` });
      return parseImageIndex(readFileSync(this.#path));
    } catch (error) {
      if (errnoOf(error) === "ENOENT")
        throw new InvalidLayout({ path: this.#path, why: "there is none" }, { cause: error });
      throw error;
    }
  }

  /** Changes the entries: one change at a time among all processes, durable when this returns. Other fields stay. */
  update(change: (manifests: readonly Descriptor[]) => readonly Descriptor[]): void {
    using _ = this.#lock();
    const index = this.read();
    replaceFile(this.#path, JSON.stringify({ ...index, manifests: change(index.manifests) }));
  }

  #lock(): Disposable {
    try {
      return lock(`${this.#path}.lock`);
    } catch (error) {
      throw writeError(error, dirname(this.#path));
    }
  }

  /** The entry called `name`. */
  find(name: string): Descriptor | undefined {
    return this.read().manifests.find((entry) => entry.annotations?.[REF_NAME] === name);
  }

  /** Calls `descriptor` `name`; whatever had that name loses its entry. */
  name(descriptor: Descriptor, name: string): void {
    const named = { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: name } };
    this.update((manifests) => [
      ...manifests.filter((entry) => entry.annotations?.[REF_NAME] !== name),
      named,
    ]);
  }

  /** Removes every entry called `name`. */
  unname(name: string): void {
    this.update((manifests) => manifests.filter((entry) => entry.annotations?.[REF_NAME] !== name));
  }
}
