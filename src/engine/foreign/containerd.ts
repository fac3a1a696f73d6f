/**
 * `containerd:[NAMESPACE/]IMAGE`: an image of containerd, read from its files, whether it runs or not: names from its records, content
 * from its store, which holds it under the same digests as ours. A namespace is containerd's: kubelet's is `k8s.io`, docker's `moby`.
 * Source: containerd core/metadata/buckets.go; ops.md.
 */
import { closeSync, createReadStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NoImageInPlace } from "../../image/index.ts";
import {
  type Descriptor,
  digestAlgorithm,
  digestEncoded,
  encodeReference,
  isDigest,
  parseReference,
} from "../../spec/index.ts";
import { Fields, readTOML } from "../registries/toml.ts";
import { type BoltBucket, InvalidBoltFile, readBoltFile } from "./bolt.ts";
import {
  type Environment,
  type ForeignImage,
  type ForeignPlace,
  type ForeignSource,
  ForeignStoreMissing,
  isName,
  openFile,
} from "./place.ts";

const CONFIG = "/etc/containerd/config.toml";
const ROOT = "/var/lib/containerd";
const RECORDS = "io.containerd.metadata.v1.bolt/meta.db";
const BLOBS = "io.containerd.content.v1.content/blobs";

interface NamedImage {
  readonly namespace: string;
  readonly name: string;
  readonly target: Descriptor;
}

/** The image that `place` means. @throws {NoImageInPlace} @throws {ForeignStoreMissing} @throws {InvalidBoltFile} */
export function containerdSource(place: ForeignPlace, environment: Environment): ForeignSource {
  const { root, records } = open(place);
  const { namespace, name } = split(records, place.name, environment);
  const images = imagesOf(root, records, namespace);
  const found =
    images.find((image) => image.name === name) ??
    images.find((image) => isName(image.name) && image.name === inFull(name)) ??
    images.find((image) => image.target.digest === name);
  if (found === undefined)
    throw new NoImageInPlace({
      place: `containerd:${place.name}`,
      available: images.length > 0 ? images.map((image) => image.name) : others(records, namespace),
    });
  return sourceOf(root, found);
}

/** All images of one namespace that have names; those by which kubelet finds an image by its ID or digest are left out. */
export function containerdImages(place: ForeignPlace, environment: Environment): ForeignImage[] {
  const { root, records } = open(place);
  const namespace = place.name.replace(/\/$/, "") || defaultNamespace(environment);
  const images = imagesOf(root, records, namespace).filter(({ name }) => isName(name) && !name.includes("@"));
  if (images.length === 0)
    throw new NoImageInPlace({
      place: `containerd:${namespace}/`,
      available: others(records, namespace),
    });
  return images.map((image) => ({ open: () => sourceOf(root, image) }));
}

function open({ store: asked }: ForeignPlace): { root: string; records: BoltBucket } {
  const root = asked ?? configuredRoot() ?? ROOT;
  const path = join(root, RECORDS);
  if (!existsSync(path))
    throw new ForeignStoreMissing({
      place: "containerd:",
      path,
      hint: "Where else it is: containerd:[FOLDER]IMAGE",
    });
  const records = readBoltFile(path).bucket("v1");
  if (records === undefined) throw new InvalidBoltFile({ path, why: "it holds no records of containerd" });
  return { root, records };
}

function configuredRoot(): string | undefined {
  const document = readTOML(CONFIG);
  return document === undefined ? undefined : new Fields(document, CONFIG, "").string("root");
}

function defaultNamespace(environment: Environment): string {
  return environment["CONTAINERD_NAMESPACE"] || "default";
}

/** The first word is a namespace if there is one of this name, and no registry if there is none. */
function split(
  records: BoltBucket,
  text: string,
  environment: Environment,
): { namespace: string; name: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isNamespace = records.bucketNames().includes(first);
  return isNamespace
    ? { namespace: first, name: text.slice(slash + 1) }
    : { namespace: defaultNamespace(environment), name: text };
}

function inFull(name: string): string | undefined {
  return isName(name) ? encodeReference(parseReference(name)) : undefined;
}

function others(records: BoltBucket, namespace: string): string[] {
  return records.bucketNames().flatMap((name) => {
    const count = records.bucket(name)?.bucket("images")?.bucketNames().length ?? 0;
    return name === namespace || count === 0 ? [] : [`${count} in namespace ${name}`];
  });
}

function imagesOf(root: string, records: BoltBucket, namespace: string): NamedImage[] {
  const images = records.bucket(namespace)?.bucket("images");
  return (images?.bucketNames() ?? []).map((name) => {
    const target = images?.bucket(name)?.bucket("target");
    const [digest, mediaType] = [target?.text("digest"), target?.text("mediatype")];
    const size = target?.value("size");
    if (digest === undefined || !isDigest(digest) || mediaType === undefined || size === undefined)
      throw new InvalidBoltFile({
        path: join(root, RECORDS),
        why: `image ${JSON.stringify(name)} of namespace ${namespace} points at nothing`,
      });
    return { namespace, name, target: { mediaType, digest, size: zigzag(size) } };
  });
}

/** Go's binary.Varint: seven bits a byte, the lowest first; the sign in the lowest bit, which is 0 for sizes. */
function zigzag(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 128 + (byte & 0x7f), 0) / 2;
}

function sourceOf(root: string, { namespace, name, target }: NamedImage): ForeignSource {
  const place = `containerd:${namespace}/${name}`;
  const blobFile = ({ digest }: Descriptor): string =>
    join(root, BLOBS, digestAlgorithm(digest), digestEncoded(digest));
  const open = (blob: Descriptor): number =>
    openFile(
      place,
      blobFile(blob),
      `blob ${blob.digest} is not here: containerd discards layers when told so (discard_unpacked_layers)`,
    );
  const readDocument = async (document: Descriptor): Promise<Uint8Array> => {
    const descriptor = open(document);
    try {
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };
  return {
    name: place,
    imageName: name,
    root: async () => ({ descriptor: target, bytes: await readDocument(target) }),
    readDocument,
    readBlob: (blob) => createReadStream("", { fd: open(blob), highWaterMark: 1 << 20 }),
    blobFile,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
