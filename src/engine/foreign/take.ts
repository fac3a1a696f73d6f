/**
 * `teu import --from PLACE`: images that other programs of this machine have become ours, under the names that they have there, or under
 * another one. Names are recorded when all of an image is here; what was taken when something fails stays.
 */
import { type CopyEvent, copyImage } from "../../image/index.ts";
import { familiarReference, parseReference } from "../../spec/index.ts";
import { loadImages } from "../image/archive.ts";
import { thisPlatform } from "../image/platform.ts";
import { InvalidOption } from "../options/error.ts";
import { abortOnSignal } from "../run/signals.ts";
import type { Store } from "../store/store.ts";
import { parsePlace } from "../transfer/place.ts";
import { storeDestination } from "../transfer/store-place.ts";
import type { Environment, ForeignImage } from "./place.ts";

/** What is taken, and how it is told. */
export interface TakeRequest {
  /** As people write it; a place that names no image is all of its images. */
  readonly from: string;
  /** What the image is called here; absent: as it is there. */
  readonly name: string | undefined;
  readonly environment: Environment;
  readonly onEvent?: (event: CopyEvent) => void;
  /** An image is here, under this name. */
  readonly onImage: (name: string) => void;
}

/** Takes the images. @throws {InvalidOption} the place is none of another program's */
export async function takeImages(store: Store, request: TakeRequest): Promise<void> {
  using interrupt = abortOnSignal();
  const { from, name, environment, onImage } = request;
  const place = parsePlace(/^[a-z-]+$/.test(from) ? `${from}:` : from);
  if (name !== undefined) {
    parseReference(name); // what is wrong with it is told before anything is taken
    if ("name" in place && place.name === "")
      throw new InvalidOption({ option: "--from", value: from }, `Cannot call all images of ${from} ${name}`);
  }
  switch (place.kind) {
    case "docker-daemon": {
      const { dockerArchive, dockerNames } = await import("./docker-daemon.ts");
      const names = place.name === "" ? await dockerNames(environment, interrupt.signal) : [place.name];
      if (names.length === 0) return;
      const archive = await dockerArchive(names, environment, interrupt.signal);
      // An ID has no name in the archive.
      const loaded = await loadImages(store, archive, name);
      for (const one of loaded.names) onImage(one);
      return;
    }
    case "containers-storage": {
      const { containersStorageImages, containersStorageSource } = await import("./containers-storage.ts");
      const images =
        place.name === ""
          ? containersStorageImages(place, environment)
          : [{ open: () => containersStorageSource(place, environment) }];
      return await copyAll(store, images, request, interrupt.signal);
    }
    case "containerd": {
      const { containerdImages, containerdSource } = await import("./containerd.ts");
      const images =
        place.name === "" || place.name.endsWith("/")
          ? containerdImages(place, environment)
          : [{ open: () => containerdSource(place, environment) }];
      return await copyAll(store, images, request, interrupt.signal);
    }
    default:
      throw new InvalidOption(
        { option: "--from", value: from },
        `Invalid place ${JSON.stringify(from)} of --from: wants docker-daemon:, containers-storage: or containerd: (others: 'teu copy ${from} NAME')`,
      );
  }
}

async function copyAll(
  store: Store,
  images: readonly ForeignImage[],
  { name, onEvent, onImage }: TakeRequest,
  signal: AbortSignal,
): Promise<void> {
  for (const image of images) {
    await using source = image.open();
    const called = name ?? source.imageName;
    await using destination = storeDestination(store, called, []);
    await copyImage(source, destination, {
      ...{ platform: thisPlatform(), isIndexKept: true, signal },
      ...(onEvent !== undefined && { onEvent }),
    });
    onImage(familiarReference(parseReference(called)));
  }
}
