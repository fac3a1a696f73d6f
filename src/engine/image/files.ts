/**
 * Which layer of an image brought, changed or took away which file, and what the image carries of which nothing shows: what
 * dive answers, of images here and at a registry.
 */
import { decodeName, type HiddenContent, ImageTree, listLayer } from "../../image/index.ts";
import type { Digest } from "../../spec/index.ts";
import { abortOnSignal } from "../run/signals.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { type HistoryStep, historyOf } from "./history.ts";
import { openReadable, type ReadableOptions } from "./readable.ts";

/** What a layer did to one path. */
export interface FileChange {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: string;
  readonly bytes: number;
}

/** One layer. */
export interface LayerFilesSummary {
  readonly digest: Digest;
  readonly createdBy: string;
  /** Of the layer as stored, and of the files in it. */
  readonly storedBytes: number;
  readonly bytes: number;
  /** Of those, what no longer shows in the image. */
  readonly wastedBytes: number;
  readonly changes: readonly FileChange[];
}

/** Content of one path that is in the image and does not show. */
export interface WastedPath {
  readonly path: string;
  readonly bytes: number;
  /** How many times the path was there before. */
  readonly copies: number;
}

/** All of it. */
export interface ImageFiles {
  readonly reference: string;
  readonly digest: Digest;
  /** Bottom first. */
  readonly layers: readonly LayerFilesSummary[];
  /** Of all files in all layers. */
  readonly bytes: number;
  readonly wastedBytes: number;
  /** The part of the bytes that shows: 1 for an image that carries nothing in vain. */
  readonly efficiency: number;
  /** Wasted bytes by the bytes of all layers but the first, which is somebody else's most of the time. */
  readonly userWasted: number;
  /** Most bytes first. */
  readonly wasted: readonly WastedPath[];
}

/** Reads all layers of the image that `text` means. */
export async function imageFiles(store: Store, text: string, options: ReadableOptions): Promise<ImageFiles> {
  using interrupt = abortOnSignal();
  using _lease = takeLease(store.database, `files of ${text}`);
  const image = await openReadable(store, text, options, interrupt.signal);
  const hidden: HiddenContent[] = [];
  const tree = new ImageTree((one) => hidden.push(one));
  const steps = historyOf(image);
  const layers: LayerFilesSummary[] = [];
  for (const [number, layer] of image.manifest.layers.entries()) {
    const listing = await listLayer(image.readLayer(layer), { hashes: false }, interrupt.signal);
    const changes = tree.apply(listing, number);
    layers.push({
      digest: layer.digest,
      createdBy: stepOf(steps, number)?.createdBy ?? "",
      storedBytes: layer.size,
      bytes: sum(listing.members.map(({ type, size }) => (type === "file" ? size : 0))),
      wastedBytes: 0, // known when all layers are
      changes: changes.map((change) => ({ ...change, path: `/${decodeName(change.path)}` })),
    });
  }
  return summaryOf(image.reference, image.descriptor.digest, layers, hidden);
}

function stepOf(steps: readonly HistoryStep[], layer: number): HistoryStep | undefined {
  return steps.filter((step) => step.layer !== undefined)[layer];
}

function summaryOf(
  reference: string,
  digest: Digest,
  layers: readonly LayerFilesSummary[],
  hidden: readonly HiddenContent[],
): ImageFiles {
  const bytes = sum(layers.map((layer) => layer.bytes));
  const wastedBytes = sum(hidden.map((one) => one.bytes));
  const userBytes = sum(layers.slice(1).map((layer) => layer.bytes));
  return {
    reference,
    digest,
    layers: layers.map((layer, number) => ({
      ...layer,
      wastedBytes: sum(hidden.flatMap((one) => (one.broughtBy === number ? [one.bytes] : []))),
    })),
    bytes,
    wastedBytes,
    efficiency: bytes === 0 ? 1 : (bytes - wastedBytes) / bytes,
    userWasted: userBytes === 0 ? 0 : wastedBytes / userBytes,
    wasted: wastedPaths(hidden),
  };
}

function wastedPaths(hidden: readonly HiddenContent[]): WastedPath[] {
  const paths = new Map<string, WastedPath>();
  for (const one of hidden) {
    const path = `/${decodeName(one.path)}`;
    const { bytes, copies } = paths.get(path) ?? { bytes: 0, copies: 0 };
    paths.set(path, { path, bytes: bytes + one.bytes, copies: copies + 1 });
  }
  return [...paths.values()].sort(
    (one, other) => other.bytes - one.bytes || (one.path < other.path ? -1 : 1),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
