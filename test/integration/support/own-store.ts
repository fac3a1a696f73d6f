/** A store in a network namespace of a test's own, with an image of busybox in it. */
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

export async function openOwnStore(): Promise<OwnStore> {
  const network = new OwnNetwork();
  // The image comes over this machine's loopback address, which is another one in there.
  await using registry = await startRegistry();
  const image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  await using plain = new Store();
  await plain.done("pull", "--quiet", image);
  await plain.done("save", "-o", plain.path("box.tar"), image);
  const store = new Store(network.host);
  await store.done("load", "-i", plain.path("box.tar"));
  return {
    ...{ network, store, image },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      network[Symbol.dispose]();
    },
  };
}
