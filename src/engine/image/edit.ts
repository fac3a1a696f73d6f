/**
 * Images made of images: with another config, other layers, annotations, or on another base. Content is written under a lease, the name
 * last, so that it is the old image or the new one and nothing in between.
 */
import { setImmediate } from "node:timers/promises";
import { Unsupported } from "../../base/index.ts";
import {
  type AnnotationChange,
  type ByteSource,
  type ByteString,
  changeImage,
  decodeName,
  END_OF_ARCHIVE,
  importLayer,
  listLayer,
  packMember,
  type WrittenLayer,
  writeLayer,
} from "../../image/index.ts";
import {
  type Descriptor,
  type Digest,
  type ExecutionConfig,
  encodeJSON,
  encodeReference,
  familiarReference,
  type History,
  type ImageConfig,
  isDigest,
  type Platform,
  parseReference,
  type Reference,
} from "../../spec/index.ts";
import { check, layerFiles } from "../../sys/index.ts";
import { InvalidOption } from "../options/error.ts";
import { abortOnSignal } from "../run/signals.ts";
import { openStack } from "../snapshot/open-stack.ts";
import { unpackLayers } from "../snapshot/unpack.ts";
import { type ImageRecord, putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { type ImageDocuments, layersOf, readImage } from "./content.ts";
import { orDamage } from "./damage.ts";
import { NotOnBase } from "./errors.ts";
import { findImage } from "./find.ts";
import { wholeHistory } from "./history.ts";
import { changeNames } from "./names.ts";
import { choosePlatform, requirePlatform } from "./platform.ts";

/** What every edit takes. */
export interface EditOptions {
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
  /** What the new image is called; absent: as the old one, which loses that name. */
  readonly tag: string | undefined;
}

/** The new image. */
export interface EditedImage {
  readonly reference: string;
  readonly digest: Digest;
}

/** A layer that a file holds. */
export interface AppendedLayer {
  readonly source: ByteSource;
  /** For the history. */
  readonly createdBy: string;
}

/** What `mutateImage` changes. */
export interface Mutation {
  readonly config: (config: ExecutionConfig) => ExecutionConfig;
  /** The platform that the config names. */
  readonly setPlatform: Platform | undefined;
  readonly annotations: AnnotationChange;
  readonly append: readonly AppendedLayer[];
}

/** Changes config and annotations and adds layers. */
export function mutateImage(
  store: Store,
  text: string,
  mutation: Mutation,
  options: EditOptions,
): Promise<EditedImage> {
  return edit(store, text, options, async (image, signal) => {
    const appended: WrittenLayer[] = [];
    for (const { source } of mutation.append) appended.push(await importLayer(store.content, source, signal));
    const { config } = image;
    const execution = mutation.config(config.config ?? {});
    const isOther = encodeJSON(execution) !== encodeJSON(config.config ?? {});
    const history = mutation.append.map(({ createdBy }) => ({ created_by: createdBy }));
    const wantsConfig = isOther || mutation.setPlatform !== undefined || appended.length > 0;
    const { set, remove } = mutation.annotations;
    return changeImage(store.content, image, {
      ...(wantsConfig && {
        config: {
          ...withPlatform(config, mutation.setPlatform),
          config: execution,
          ...(history.length > 0 && { history: [...wholeHistory(config), ...history] }),
        },
      }),
      ...(appended.length > 0 && { layers: [...layersOf(image), ...appended] }),
      ...((remove.length > 0 || Object.keys(set).length > 0) && { annotations: mutation.annotations }),
    });
  });
}

/** One layer that shows what all showed. */
export function flattenImage(
  store: Store,
  text: string,
  { sourceDateEpoch, ...options }: EditOptions & { readonly sourceDateEpoch: number | undefined },
): Promise<EditedImage> {
  return edit(store, text, options, async (image, signal) => {
    const tar = flatTar(store, image, sourceDateEpoch, signal);
    const layer = await writeLayer(store.content, tar, "gzip");
    const { digest } = image.descriptor;
    const history = [{ created_by: `teu image flatten ${digest}` }];
    return changeImage(store.content, image, { config: { ...image.config, history }, layers: [layer] });
  });
}

/** All that an image shows, as one tar without marks. Each piece is valid until the next is asked for. */
export async function* exportImage(
  store: Store,
  text: string,
  platform: Platform | undefined,
): AsyncGenerator<Uint8Array> {
  using interrupt = abortOnSignal();
  using _lease = takeLease(store.database, `export ${text}`);
  const { image } = find(store, text, platform);
  yield* flatTar(store, image, undefined, interrupt.signal);
}

async function* flatTar(
  store: Store,
  image: ImageDocuments,
  sourceDateEpoch: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { top } = await unpackLayers(store, image, signal).catch(async (error: unknown) => {
    throw await orDamage(store, image.manifest.layers, error);
  });
  using root = openStack(store, top, "flatten");
  const files = layerFiles<ByteString>();
  if (files.overlayAttributes === "user.overlay.") await refuseDevices(store, image, signal);
  const names = top === undefined ? [] : files.list(root.descriptor);
  if (typeof names === "number") check(names, "list", "/");
  else
    for (const name of names.sort())
      for (const piece of packMember(root.descriptor, name, name, {
        files,
        mode: "plain",
        sourceDateEpoch,
      })) {
        // Reading files never waits: a signal gets its turn here.
        await setImmediate();
        signal.throwIfAborted();
        yield piece;
      }
  yield END_OF_ARCHIVE;
}

/** A plain user's unpacked layers have files in the place of devices, which no archive shall have. @throws {Unsupported} */
async function refuseDevices(store: Store, image: ImageDocuments, signal: AbortSignal): Promise<void> {
  for (const { digest } of image.manifest.layers) {
    const { members } = await listLayer(store.content.readStream(digest), { hashes: false }, signal);
    const device = members.find(({ type }) => type === "character" || type === "block");
    if (device === undefined) continue;
    const what = `device ${JSON.stringify(decodeName(device.path))} in an archive of all layers`;
    throw new Unsupported({ what, why: "a plain user cannot make it; root can" });
  }
}

/** Puts the layers above `oldBase` onto `newBase`, as crane does: config and history of the image stay its own. @throws {NotOnBase} */
export function rebaseImage(
  store: Store,
  text: string,
  bases: { readonly oldBase: string | undefined; readonly newBase: string | undefined },
  options: EditOptions,
): Promise<EditedImage> {
  return edit(store, text, options, async (image) => {
    const { annotations = {} } = image.manifest;
    const oldName = baseOf(bases.oldBase ?? annotations[BASE_DIGEST] ?? annotations[BASE_NAME], "--old_base");
    const newName = baseOf(bases.newBase ?? annotations[BASE_NAME], "--new_base");
    const oldBase = findBase(store, oldName, options.platform).image;
    const { image: base, name: baseName } = findBase(store, newName, options.platform);
    const below = oldBase.config.rootfs.diff_ids;
    const isBelow = below.every((diffID, number) => image.config.rootfs.diff_ids[number] === diffID);
    if (!isBelow) throw new NotOnBase({ image: text, base: oldName });
    const { architecture, os, variant, "os.version": version, "os.features": features } = base.config;
    return changeImage(store.content, image, {
      config: {
        ...withPlatform(image.config, {
          ...{ architecture, os },
          ...(variant !== undefined && { variant }),
          ...(version !== undefined && { "os.version": version }),
          ...(features !== undefined && { "os.features": features }),
        }),
        history: [...wholeHistory(base.config), ...ownSteps(image, oldBase)],
      },
      layers: [...layersOf(base), ...layersOf(image).slice(below.length)],
      annotations: {
        set: {
          [BASE_DIGEST]: base.descriptor.digest,
          ...(baseName !== undefined && { [BASE_NAME]: baseName }),
        },
        remove: [],
      },
    });
  });
}

const BASE_DIGEST = "org.opencontainers.image.base.digest";
const BASE_NAME = "org.opencontainers.image.base.name";

/** @throws {InvalidOption} */
function baseOf(text: string | undefined, option: string): string {
  if (text !== undefined) return text;
  throw new InvalidOption(
    { option, value: "" },
    `Cannot rebase: the image's annotations do not name its base, and ${option} is not given`,
  );
}

/** The steps of an image that are not its base's. */
function ownSteps(image: ImageDocuments, base: ImageDocuments): History[] {
  const steps = wholeHistory(image.config);
  const below = wholeHistory(base.config);
  const isEmpty = (step: History | undefined): boolean => step?.empty_layer === true;
  const isSame = (step: History, number: number): boolean =>
    step.created_by === steps[number]?.created_by && isEmpty(step) === isEmpty(steps[number]);
  if (below.every(isSame)) return steps.slice(below.length);
  // Its builder told the history anew: what is above the base's layers is its own.
  let layers = base.config.rootfs.diff_ids.length;
  return steps.filter((step) => (isEmpty(step) ? layers <= 0 : layers-- <= 0));
}

function withPlatform(config: ImageConfig, platform: Platform | undefined): ImageConfig {
  if (platform === undefined) return config;
  const { variant: _, "os.version": __, "os.features": ___, ...rest } = config;
  return { ...rest, ...platform };
}

/** A base by name or ID, or by the digest of its manifest, which need not have a name any more. */
function findBase(
  store: Store,
  text: string,
  platform: Platform | undefined,
): { image: ImageDocuments; name?: string } {
  const size = isDigest(text) ? store.content.stat(text)?.size : undefined;
  if (size !== undefined && isDigest(text))
    return {
      image: readImage(store, { digest: text, mediaType: "", size }, choosePlatform(platform).platform),
    };
  const { record, image } = find(store, text, platform);
  return { image, name: familiarReference(parseReference(record.reference)) };
}

function find(
  store: Store,
  text: string,
  platform: Platform | undefined,
): { record: ImageRecord; byID: boolean; image: ImageDocuments } {
  const choice = choosePlatform(platform);
  const { record, byID } = findImage(store, text);
  const image = readImage(store, record, choice.platform);
  requirePlatform(text, image, choice);
  return { record, byID, image };
}

async function edit(
  store: Store,
  text: string,
  { platform, tag }: EditOptions,
  work: (image: ImageDocuments, signal: AbortSignal) => Promise<Descriptor>,
): Promise<EditedImage> {
  using interrupt = abortOnSignal();
  using _lease = takeLease(store.database, `edit ${text}`);
  const { record, byID, image } = find(store, text, platform);
  const reference = nameFor(record, tag, byID || image.platforms > 0 ? text : undefined);
  return recordImage(store, reference, await work(image, interrupt.signal));
}

/** Points `reference` at what was made. @param action  What docker calls it. */
export function recordImage(
  store: Store,
  reference: Reference,
  descriptor: Descriptor,
  action: "tag" | "import" = "tag",
): EditedImage {
  const { digest, mediaType, size } = descriptor;
  const name = encodeReference(reference);
  changeNames(store, () =>
    putImage(store.database, store.namespace, { reference: name, digest, mediaType, size }, action),
  );
  return { reference: familiarReference(reference), digest };
}

/**
 * What the new image is called. @param ambiguous  The text by which the old one was found, if it cannot be called so: an ID, or
 * an index, whose other platforms would be lost. @throws {InvalidOption}
 */
export function nameFor(
  record: Pick<ImageRecord, "reference">,
  tag: string | undefined,
  ambiguous?: string,
): Reference {
  const reference = parseReference(tag ?? record.reference);
  if (tag !== undefined && reference.digest === undefined) return reference;
  const value = tag ?? "";
  if (tag !== undefined || reference.digest !== undefined)
    throw new InvalidOption(
      { option: "--tag", value },
      "A name with a digest cannot be given to another image: use --tag NAME",
    );
  if (ambiguous !== undefined)
    throw new InvalidOption(
      { option: "--tag", value },
      `${ambiguous} is an ID or an index of several platforms: name the new image, which is one of them, by --tag`,
    );
  return reference;
}
