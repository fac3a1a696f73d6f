/** Places whose content lies in a content store: layouts, what an archive was unpacked to, the engine's own. */
import { type ContentStore, holdsBlob } from "../../content/index.ts";
import { type Descriptor, MAX_MANIFEST_BYTES } from "../../spec/index.ts";
import { measured } from "./checked.ts";
import type { ImageDestination, ImageDocument, ImageSource } from "./place.ts";

/** A source: its root is at hand, its content in `store`. Disposing does what `more` says. */
export function contentSource(
  store: ContentStore,
  name: string,
  root: Descriptor,
  more: Partial<Pick<ImageSource, "referrers" | typeof Symbol.asyncDispose>> = {},
): ImageSource {
  // Its own check of the digest costs little, and damage on disk is told as such.
  const readDocument = async ({ digest }: Descriptor): Promise<Uint8Array> =>
    store.readBytes(digest, MAX_MANIFEST_BYTES);
  return {
    name,
    root: async () => ({ descriptor: root, bytes: await readDocument(root) }),
    readDocument,
    readBlob: (blob) => store.readStream(blob.digest),
    [Symbol.asyncDispose]: async () => undefined,
    ...more,
  };
}

/** What a destination does with what was written, when all of it is there. */
export interface ContentNaming {
  /** Opens the store when something is to be written; not before. */
  readonly open: () => ContentStore;
  readonly name: (store: ContentStore, root: Descriptor, referrers: readonly Descriptor[]) => void;
  readonly keepsReferrers: boolean;
}

/** A destination: every blob is durable when it is written, and `naming.name` comes last. */
export function contentDestination(name: string, naming: ContentNaming): ImageDestination {
  const referrers: Descriptor[] = [];
  let opened: ContentStore | undefined;
  const store = (): ContentStore => {
    opened ??= naming.open();
    return opened;
  };
  const writeDocument = async ({ descriptor, bytes }: ImageDocument): Promise<void> => {
    if (await holdsBlob(store(), descriptor)) return;
    using ingest = store().ingest({ expected: descriptor });
    ingest.write(bytes);
    await ingest.commitAsync();
  };
  const writeReferrer = async (document: ImageDocument): Promise<void> => {
    await writeDocument(document);
    referrers.push(document.descriptor);
  };
  return {
    name,
    isChecking: true,
    hasBlob: (blob) => holdsBlob(store(), blob),
    linkBlob: async (blob, file) => await store().link(blob, file),
    async writeBlob(blob, open) {
      using ingest = store().ingest({ expected: blob });
      for await (const chunk of measured(open(), blob)) ingest.write(chunk);
      await ingest.commitAsync();
    },
    writeDocument,
    ...(naming.keepsReferrers && { writeReferrer }),
    async commit(root) {
      await writeDocument(root);
      naming.name(store(), root.descriptor, referrers);
    },
    [Symbol.asyncDispose]: async () => opened?.tidy(),
  };
}
