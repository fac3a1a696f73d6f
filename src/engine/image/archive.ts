/** Images out of archives and into them. Names are recorded last, so that none ever points at less than everything. */
import { setImmediate } from "node:timers/promises";
import { type CopyEvent, exportArchive, importArchive } from "../../image/index.ts";
import { type Digest, encodeReference, familiarReference, parseReference } from "../../spec/index.ts";
import { abortOnSignal } from "../run/signals.ts";
import { putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import { tellPassing } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import { findImage } from "./find.ts";
import { changeNames } from "./names.ts";
import { choosePlatform } from "./platform.ts";

/** What came out of an archive. */
export interface LoadedImages {
  /** What they are called now. */
  readonly names: string[];
  /** Those that have no name there: nothing is kept of them. */
  readonly nameless: Digest[];
}

/**
 * Loads every image of an archive (OCI or docker, compressed or not) that has a name.
 * @param name  What the image is called, whatever the archive calls it.
 */
export async function loadImages(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  name?: string,
  onEvent?: (event: CopyEvent) => void,
): Promise<LoadedImages> {
  using interrupt = abortOnSignal();
  using _lease = takeLease(store.database, "load");
  const images = await importArchive(store.content, until(source, interrupt.signal), undefined, onEvent);
  // All names are parsed before the first is recorded.
  const named = images.map(({ descriptor, names }) => ({
    descriptor,
    references: (name === undefined ? names : [name]).map(parseReference),
  }));
  changeNames(store, () => {
    for (const { descriptor, references } of named)
      for (const reference of references) {
        const { digest, mediaType, size } = descriptor;
        const image = { reference: encodeReference(reference), digest, mediaType, size };
        putImage(store.database, store.namespace, image, "load");
      }
  });
  return {
    names: named.flatMap(({ references }) => references.map(familiarReference)),
    nameless: named.flatMap(({ descriptor, references }) =>
      references.length === 0 ? [descriptor.digest] : [],
    ),
  };
}

/** `source`, until `signal` ends it: at once, though a read from a pipe that is under way cannot be called back. */
async function* until(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    if (!signal.aborted) await iterator.return?.();
  }
}

/** Images as an OCI archive, in pieces: by their names, or without one, by their IDs. @throws {NoSuchImage} before the first piece */
export async function* saveImages(store: Store, names: readonly string[]): AsyncGenerator<Uint8Array> {
  using interrupt = abortOnSignal();
  // What is being read must not be collected.
  using _lease = takeLease(store.database, "save");
  const images = names.map((text) => {
    const { record, byID } = findImage(store, text);
    const { digest, mediaType, size, reference } = record;
    const name = byID ? undefined : encodeReference(parseReference(text));
    return { descriptor: { digest, mediaType, size }, name, reference };
  });
  const saved = images.map(({ descriptor: { digest }, reference }) => ({
    ...({ type: "image", action: "save", actor: digest } as const),
    attributes: { name: familiarReference(parseReference(reference)) },
  }));
  tellPassing(store, saved);
  for await (const piece of exportArchive(store.content, images, choosePlatform(undefined).platform)) {
    yield piece;
    // Reading files never waits: a signal gets its turn here.
    await setImmediate();
    interrupt.signal.throwIfAborted();
  }
}
