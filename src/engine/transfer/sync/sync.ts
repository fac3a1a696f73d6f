/**
 * `teu sync`: many images from registries, from folders of skopeo's form or from a layout, to a registry, to such folders or to a layout, where images
 * share their blobs. What is there already under the same digest is asked for once at each side, and left.
 * Source: skopeo-sync(1), for what is read and how destinations are called; it knows no layouts.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { forEachParallel, hasCode, TeuError, Turns } from "../../../base/index.ts";
import type { RegistryClient } from "../../../distribution/client/index.ts";
import {
  chooseEntry,
  copyImage,
  directoryDestination,
  directorySource,
  findInLayout,
  type ImageDestination,
  type ImageSource,
  layoutDestination,
  layoutImages,
  layoutSource,
} from "../../../image/index.ts";
import {
  DEFAULT_TAG,
  type Descriptor,
  type Digest,
  encodeReference,
  isTag,
  mediaTypeKind,
  parseManifestOrIndex,
  parseReference,
  type Reference,
  type Tag,
} from "../../../spec/index.ts";
import { admitImage } from "../../image/admit.ts";
import { choosePlatform } from "../../image/platform.ts";
import type { Signers } from "../../image/sign.ts";
import { InvalidOption } from "../../options/error.ts";
import { openClient, openPlaces, type Places, type RegistryAccess } from "../../remote/access.ts";
import { abortOnSignal } from "../../run/signals.ts";
import { type CopyRequest, refuseUnsigned } from "../copy.ts";
import { registryDestination, registrySource } from "../registry-place.ts";
import { readSyncFile, type Selection } from "./file.ts";

/** What is synchronised and how. */
export interface SyncRequest extends Omit<CopyRequest, "names" | "hasReferrers" | "compression"> {
  readonly sourceKind: "docker" | "dir" | "oci" | "yaml";
  readonly destinationKind: "docker" | "dir" | "oci";
  /** Whether the whole name of the source stands below the destination, not only its last component. */
  readonly isScoped?: boolean;
  /** Looks what is different, and changes nothing. */
  readonly isDryRun?: boolean;
  /** Whether an image that fails is no reason to leave the others. */
  readonly isKeepingGoing?: boolean;
  /** Appended to names at the destination. */
  readonly suffix?: string | undefined;
  /** Images at once. */
  readonly parallelImages?: number;
  /** Is told of each image when it is done with. */
  readonly onImage?: (image: SyncedImage) => void;
}

/** What became of one image. */
export interface SyncedImage {
  readonly source: string;
  /** Absent: the images of `source` could not be listed. */
  readonly destination?: string;
  /** `planned`: it would have been copied. */
  readonly outcome: "copied" | "unchanged" | "planned" | "failed";
  readonly digest?: Digest;
  readonly sentBytes: number;
  readonly error?: unknown;
}

/** Some images are not where they should be. Which and why was told of each. */
export class SyncIncomplete extends TeuError<"sync-incomplete", { failed: number; images: number }> {
  constructor(context: { failed: number; images: number }) {
    super(
      "sync-incomplete",
      "unavailable",
      context,
      `Cannot synchronise all images: ${context.failed} of ${context.images} failed`,
    );
  }
}

const PARALLEL_IMAGES = 3;

/** One image to be, or what stood in the way of finding out. */
type Wanted =
  | { readonly kind: "registry"; readonly reference: Reference; readonly access: RegistryAccess }
  | { readonly kind: "folder"; readonly folder: string; readonly name: string }
  | { readonly kind: "layout"; readonly folder: string; readonly image: string; readonly name: string }
  | { readonly kind: "unknown"; readonly source: string; readonly error: unknown };

/**
 * Synchronises `destination` with what `source` names, both as skopeo takes them.
 * @returns what became of each; without `isKeepingGoing` nothing is begun after the first that fails
 */
export async function syncImages(
  source: string,
  destination: string,
  request: SyncRequest,
): Promise<readonly SyncedImage[]> {
  if (request.sourceKind === "dir" && request.destinationKind === "dir")
    throw new InvalidOption(
      { option: "--dest", value: "dir" },
      "Cannot synchronise a folder with a folder: rsync does that",
    );
  if (request.signers !== undefined) refuseUnsigned(request.destinationKind);
  using interrupt = abortOnSignal();
  const { signal } = interrupt;
  const sync = new Sync(destination, request);
  const done: SyncedImage[] = [];
  const wanted = await sync.wanted(source, signal);
  let isEnding = false;
  await forEachParallel(wanted, request.parallelImages ?? PARALLEL_IMAGES, signal, async (image) => {
    if (isEnding) return;
    const became = await sync.bring(image, signal);
    if (became.outcome === "failed" && !request.isKeepingGoing) isEnding = true;
    done.push(became);
    request.onImage?.(became);
  });
  return done;
}

/** What is read, and at a registry where. */
interface Reading {
  readonly source: ImageSource;
  readonly places?: Places;
}

type Signing = (digest: Digest, signal: AbortSignal) => Promise<void>;

class Sync {
  readonly #destination: string;
  readonly #request: SyncRequest;
  /** One client for a repository, so that one token serves for all its tags. */
  readonly #places = new Map<string, Promise<Places>>();
  readonly #clients = new Map<string, Promise<RegistryClient>>();
  /** Tags may name one image, whose signatures are in one manifest. */
  readonly #signing = new Turns();

  constructor(destination: string, request: SyncRequest) {
    this.#destination = destination;
    this.#request = request;
  }

  /** What `source` names. @throws {InvalidSyncFile} {InvalidOption} {InvalidReference} */
  async wanted(source: string, signal: AbortSignal): Promise<Wanted[]> {
    const { sourceKind, from = {} } = this.#request;
    if (sourceKind === "dir") return this.#folders(source);
    if (sourceKind === "oci") return imagesOfLayout(source);
    const all: Wanted[] = [];
    if (sourceKind === "yaml")
      for (const { repositories, ...registry } of readSyncFile(source))
        for (const { repository, selection } of repositories)
          all.push(...(await this.#select(repository, selection, { ...from, ...registry }, signal)));
    else {
      const reference = parseReference(source);
      const isWhole = reference.digest === undefined && !/:[^/]*$/.test(source);
      const selection: Selection = isWhole
        ? { kind: "fitting", fits: () => true }
        : { kind: "named", targets: [reference.digest ?? reference.tag ?? DEFAULT_TAG] };
      all.push(...(await this.#select(reference, selection, from, signal)));
    }
    return all;
  }

  async #select(
    repository: Reference,
    selection: Selection,
    access: RegistryAccess,
    signal: AbortSignal,
  ): Promise<Wanted[]> {
    const name = `${repository.registry}/${repository.repository}`;
    const make = (target: string): Wanted => ({
      kind: "registry",
      reference: parseReference(`${name}${target.includes(":") ? "@" : ":"}${target}`),
      access,
    });
    if (selection.kind === "named") return selection.targets.map(make);
    try {
      const { home } = await this.#placesOf({ ...repository, digest: undefined }, access);
      const found = await Array.fromAsync(home.tags(signal));
      const fitting = found.filter(selection.fits).map(make);
      if (fitting.length > 0) return fitting;
      const source = `docker://${name}`;
      const why = found.length === 0 ? "it has no tags" : `none of its ${found.length} tags fits`;
      return [{ kind: "unknown", source, error: new NothingToSync({ source, why }) }];
    } catch (error) {
      signal.throwIfAborted();
      return [{ kind: "unknown", source: `docker://${name}`, error }];
    }
  }

  #folders(base: string): Wanted[] {
    if (!existsSync(base))
      throw new InvalidOption(
        { option: "SOURCE", value: base },
        `There is no folder ${JSON.stringify(base)}`,
      );
    const find = (folder: string, name: string): Wanted[] => {
      const entries = readdirSync(folder, { withFileTypes: true });
      if (entries.some((entry) => entry.isFile() && entry.name === "manifest.json"))
        return [{ kind: "folder", folder, name: name === "" ? basename(base) : name }];
      return entries
        .filter((entry) => entry.isDirectory())
        .flatMap((entry) => find(join(folder, entry.name), join(name, entry.name)));
    };
    const found = find(base, "").sort((one, other) =>
      "folder" in one && "folder" in other && one.folder < other.folder ? -1 : 1,
    );
    if (found.length > 0) return found;
    throw new NothingToSync({ source: `dir:${base}`, why: "no folder in it holds an image" });
  }

  /** Copies one image if it is not there. */
  async bring(wanted: Wanted, signal: AbortSignal): Promise<SyncedImage> {
    if (wanted.kind === "unknown")
      return { source: wanted.source, outcome: "failed", sentBytes: 0, error: wanted.error };
    const destination = this.#nameOf(
      wanted.kind === "registry" ? encodeReference(wanted.reference) : wanted.name,
    );
    const names = { source: sourceName(wanted), destination: this.#shownName(destination) };
    try {
      const reading = await this.#openSource(wanted);
      await using _reading = reading.source;
      const same = await this.#sameDigest(wanted, destination, reading, signal);
      if (same !== undefined) {
        await this.#signOld(destination, same, signal);
        return { ...names, outcome: "unchanged", digest: same, sentBytes: 0 };
      }
      if (this.#request.isDryRun) return { ...names, outcome: "planned", sentBytes: 0 };
      const sign = await this.#openSigning(destination, this.#request.signers);
      await using writing = await this.#openDestination(destination, wanted);
      const { root, sentBytes } = await this.#copy(wanted, reading, writing, signal);
      await sign?.(root.digest, signal);
      return { ...names, outcome: "copied", digest: root.digest, sentBytes };
    } catch (error) {
      signal.throwIfAborted();
      return { ...names, outcome: "failed", sentBytes: 0, error };
    }
  }

  async #copy(
    wanted: Wanted,
    { source, places }: Reading,
    destination: ImageDestination,
    signal: AbortSignal,
  ) {
    const { isAll, platform, signaturePolicy } = this.#request;
    return await copyImage(source, destination, {
      ...this.#request,
      platform: isAll ? undefined : choosePlatform(platform).platform,
      ...(wanted.kind === "registry" &&
        places !== undefined && {
          admit: async (digests: readonly Digest[]) => {
            await admitImage(signaturePolicy, wanted.reference, digests, () => places.home, signal);
          },
        }),
      signal,
    });
  }

  /** Sees to it that what comes to `name` can be signed, before it comes. */
  async #openSigning(name: string, signers: Signers | undefined): Promise<Signing | undefined> {
    if (signers === undefined) return undefined;
    const { openSigners } = await import("../../image/sign.ts");
    const reference = parseReference(name);
    const sign = await openSigners(signers, reference);
    return async (digest, signal) =>
      await this.#signing.take(async () => {
        await sign(await this.#clientOf(reference, undefined), reference, digest, signal);
      }, signal);
  }

  /** Signs what was there before, if it is not signed yet: else each run would add a signature. */
  async #signOld(name: string, digest: Digest, signal: AbortSignal): Promise<void> {
    const { signers, isDryRun } = this.#request;
    if (signers === undefined || isDryRun) return;
    const { missingSigners } = await import("../../image/sign.ts");
    const reference = parseReference(name);
    const client = await this.#clientOf(reference, undefined);
    const missing = await missingSigners(signers, client, reference, digest, signal);
    const sign = await this.#openSigning(name, missing);
    await sign?.(digest, signal);
  }

  /** As skopeo: the last component, or all of it, below the destination; of a layout the name in it. */
  #nameOf(name: string): string {
    const { isScoped, suffix = "", destinationKind } = this.#request;
    const kept = isScoped ? name : basename(name);
    return `${destinationKind === "oci" ? kept : join(this.#destination, kept)}${suffix}`;
  }

  #shownName(name: string): string {
    const { destinationKind } = this.#request;
    if (destinationKind === "oci") return `oci:${this.#destination}:${name}`;
    return `${destinationKind}:${destinationKind === "docker" ? "//" : ""}${name}`;
  }

  async #openSource(wanted: Exclude<Wanted, { kind: "unknown" }>): Promise<Reading> {
    switch (wanted.kind) {
      case "registry":
        return await this.#openRemote(wanted.reference, wanted.access);
      case "folder":
        return { source: directorySource(wanted.folder) };
      case "layout":
        return { source: layoutSource(wanted) };
      default:
        return wanted satisfies never;
    }
  }

  async #openRemote(reference: Reference, access: RegistryAccess): Promise<Reading> {
    const places = await this.#placesOf(reference, access);
    return { source: registrySource(places.home, reference, places.mirrors), places };
  }

  async #openDestination(name: string, wanted: Wanted): Promise<ImageDestination> {
    if (this.#request.destinationKind === "oci")
      return layoutDestination({ folder: this.#destination, image: name });
    if (this.#request.destinationKind === "dir") {
      await mkdir(dirname(name), { recursive: true });
      return directoryDestination(name);
    }
    const reference = parseReference(name);
    const from = wanted.kind === "registry" ? wanted.reference : undefined;
    const isNear = from?.registry === reference.registry && from.repository !== reference.repository;
    const mountFrom = isNear ? from.repository : undefined;
    return registryDestination(await this.#clientOf(reference, mountFrom), reference, [], mountFrom);
  }

  /** The digest under which the image is at both sides. With --format the copy has another one: then it is made. */
  async #sameDigest(
    wanted: Wanted,
    destination: string,
    { source, places }: Reading,
    signal: AbortSignal,
  ): Promise<Digest | undefined> {
    if (this.#request.format !== undefined) return undefined;
    const there = await this.#digestAt(destination, wanted, signal);
    if (there === undefined) return undefined;
    if (wanted.kind !== "registry" || places === undefined)
      return (await source.root(signal)).descriptor.digest === there ? there : undefined;
    const target = wanted.reference.digest ?? wanted.reference.tag ?? DEFAULT_TAG;
    const { mediaType, digest } = await stat(places, target, signal);
    if (digest === there) return there;
    const { isAll, platform } = this.#request;
    if (isAll || mediaTypeKind(mediaType) !== "index") return undefined;
    // Of an index one image was copied: which one, the index says.
    const document = parseManifestOrIndex((await source.root(signal)).bytes);
    if (document.kind !== "index") return undefined;
    const chosen = chooseEntry(document.index, choosePlatform(platform).platform);
    return chosen.digest === there ? there : undefined;
  }

  async #digestAt(name: string, wanted: Wanted, signal: AbortSignal): Promise<Digest | undefined> {
    if (this.#request.destinationKind === "oci") return findInLayout(this.#destination, name)?.digest;
    if (this.#request.destinationKind === "dir") {
      if (!existsSync(join(name, "manifest.json"))) return undefined;
      await using there = directorySource(name);
      return (await there.root(signal)).descriptor.digest;
    }
    const reference = parseReference(name);
    const mountFrom =
      wanted.kind === "registry" &&
      wanted.reference.registry === reference.registry &&
      wanted.reference.repository !== reference.repository
        ? wanted.reference.repository
        : undefined;
    const client = await this.#clientOf(reference, mountFrom);
    try {
      const target = reference.digest ?? reference.tag ?? DEFAULT_TAG;
      return (await client.statManifest(target, signal)).digest;
    } catch (error) {
      if (hasCode(error, "manifest-not-found")) return undefined;
      throw error;
    }
  }

  #placesOf(reference: Reference, access: RegistryAccess): Promise<Places> {
    // A digest may be asked of other mirrors than a tag.
    const key = JSON.stringify([
      reference.registry,
      reference.repository,
      reference.digest !== undefined,
      access,
    ]);
    return remembered(this.#places, key, () => openPlaces(reference, this.#remote(access)));
  }

  #clientOf(reference: Reference, mountFrom: Reference["repository"] | undefined): Promise<RegistryClient> {
    const key = `${reference.registry}/${reference.repository} ${mountFrom ?? ""}`;
    const more = mountFrom === undefined ? {} : { mountFrom: [mountFrom] };
    return remembered(this.#clients, key, () =>
      openClient(reference, this.#remote(this.#request.to ?? {}), more),
    );
  }

  #remote(access: RegistryAccess) {
    return { access, environment: this.#request.environment };
  }
}

function sourceName(wanted: Exclude<Wanted, { kind: "unknown" }>): string {
  if (wanted.kind === "registry") return `docker://${encodeReference(wanted.reference)}`;
  return wanted.kind === "folder" ? `dir:${wanted.folder}` : `oci:${wanted.folder}:${wanted.image}`;
}

/** `FOLDER`, with all images that it names, or `FOLDER:NAME`. What is called by a tag alone is named for the folder. */
function imagesOfLayout(source: string): Wanted[] {
  const [, folder = "", wanted] = /^([^:]*)(?::(.+))?$/s.exec(source) ?? [];
  if (folder === "" || !existsSync(join(folder, "index.json")))
    throw new InvalidOption(
      { option: "SOURCE", value: source },
      `There is no layout ${JSON.stringify(folder)}`,
    );
  const all = layoutImages(folder);
  const named = all.filter((image) => !image.startsWith("@"));
  const images = wanted === undefined ? named : [wanted];
  // The only one needs no name.
  if (images.length === 0 && all.length === 1) images.push(...all);
  if (images.length === 0)
    throw new NothingToSync({
      source: `oci:${folder}`,
      why: all.length === 0 ? "there are none" : `${all.length} are there, and none has a name`,
    });
  const base = basename(folder);
  return images.map((image) => ({
    ...{ kind: "layout", folder, image },
    name: image.startsWith("@") ? base : isTag(image) ? `${base}:${image}` : image,
  }));
}

/** There is a source, but no image in it: a tag of the list that was misspelt shows so. */
export class NothingToSync extends TeuError<"nothing-to-sync", { source: string; why: string }> {
  constructor(context: { source: string; why: string }) {
    super("nothing-to-sync", "not-found", context, `Cannot find images in ${context.source}: ${context.why}`);
  }
}

/** What a tag or digest is where it will be read. */
async function stat(
  { mirrors, home }: Places,
  target: Tag | Digest,
  signal: AbortSignal,
): Promise<Descriptor> {
  for (const mirror of mirrors)
    try {
      return await mirror.statManifest(target, signal);
    } catch {
      // The next one is asked, and the last tells what is wrong.
      signal.throwIfAborted();
    }
  return await home.statManifest(target, signal);
}

function remembered<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
