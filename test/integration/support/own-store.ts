/** A store in a network namespace of a test's own, with an image of busybox in it. */
import { afterAll, beforeAll, type test } from "bun:test";
import { type Need, needs } from "../../support/needs.ts";
import { busyboxLayer, pushLayers } from "./make-image.ts";
import { OwnNetwork } from "./own-network.ts";
import { Store, startRegistry } from "./registry.ts";

/** See OwnNetwork for where `network` is. Whoever opens it disposes of it. */
export interface OwnStore extends AsyncDisposable {
  readonly network: OwnNetwork;
  readonly store: Store;
  /** The image's name. */
  readonly image: string;
}

/**
 * Opens one for all tests of a file, where `wanted` is there, and disposes of it after them.
 * @param use  Takes what was opened, and prepares what all of the tests have.
 * @param words  Before each command of teu, for instance to have it in another environment.
 * @returns `test`, for those that need no more
 */
export function useOwnStore(
  wanted: readonly Need[],
  use: (own: OwnStore) => void | Promise<void>,
  words: readonly string[] = [],
): typeof test {
  let own: OwnStore | undefined;
  beforeAll(async () => {
    if (!wanted.every((need) => need.isMet())) return;
    own = await openOwnStore(words);
    await use(own);
  });
  afterAll(async () => {
    await own?.[Symbol.asyncDispose]();
  });
  return needs(...wanted);
}

async function openOwnStore(words: readonly string[]): Promise<OwnStore> {
  await using opened = new AsyncDisposableStack();
  const network = opened.use(new OwnNetwork());
  // The image comes over this machine's loopback address, which is another one in there.
  await using registry = await startRegistry();
  const image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  await using plain = new Store();
  await plain.done("pull", "--quiet", image);
  await plain.done("save", "-o", plain.path("box.tar"), image);
  const store = opened.use(new Store([...network.host, ...words]));
  await store.done("load", "-i", plain.path("box.tar"));
  const kept = opened.move();
  return { network, store, image, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
