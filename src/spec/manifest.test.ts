import { expect, test } from "bun:test";
import { InvalidDocument } from "./check.ts";
import { emptyDescriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import { MAX_MANIFEST_BYTES } from "./document.ts";
import { parseImageIndex, parseManifestOrIndex } from "./image-index.ts";
import { parseManifest } from "./manifest.ts";
import { dockerMediaTypes, mediaTypes } from "./media-type.ts";

const layer = { mediaType: mediaTypes.layerGzip, digest: digestOf("layer"), size: 7 };
const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  config: emptyDescriptor,
  layers: [layer],
};
const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };

function issuesOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidDocument) return error.context.issues.map(({ path }) => path.join("."));
    throw error;
  }
  return [];
}

test("parseManifest() reads a manifest, from bytes and text", () => {
  const text = JSON.stringify(manifest);
  expect(parseManifest(text).layers).toEqual([layer]);
  expect(parseManifest(Buffer.from(text), mediaTypes.manifest).config.size).toBe(2);
});

test("parseManifest() takes layers that Go wrote as null for none", () => {
  expect(parseManifest(JSON.stringify({ ...manifest, layers: null })).layers).toEqual([]);
});

test.each([
  { says: "an index", document: index, want: ["config", "layers", "manifests", "mediaType"] },
  { says: "a manifest that is an index too", document: { ...manifest, manifests: [] }, want: ["manifests"] },
  {
    says: "an index by its media type",
    document: { ...manifest, mediaType: mediaTypes.index },
    want: ["mediaType"],
  },
  {
    says: "schema 1",
    document: { schemaVersion: 1, fsLayers: [] },
    want: ["schemaVersion", "config", "layers", "fsLayers"],
  },
  { says: "a list of names", document: { ...manifest, layers: ["a", "b"] }, want: ["layers.0", "layers.1"] },
  { says: "an array", document: [], want: [""] },
  { says: "null", document: null, want: [""] },
])("parseManifest() refuses $says with every issue", ({ document, want }) => {
  expect(issuesOf(() => parseManifest(JSON.stringify(document)))).toEqual([...want]);
});

test("parseManifest() refuses a body that differs from its Content-Type (CVE-2021-41190)", () => {
  expect(issuesOf(() => parseManifest(JSON.stringify(manifest), dockerMediaTypes.manifest))).toEqual([
    "mediaType",
  ]);
  expect(issuesOf(() => parseManifestOrIndex(JSON.stringify(manifest), mediaTypes.index))).toEqual([
    "manifests",
    "config",
    "layers",
    "mediaType",
  ]);
});

test("parseManifest() refuses more than 4 MiB before it reads them", () => {
  expect(issuesOf(() => parseManifest(new Uint8Array(MAX_MANIFEST_BYTES + 1)))).toEqual([""]);
});

test("parseManifest() refuses bytes that are not UTF-8", () => {
  expect(issuesOf(() => parseManifest(Buffer.from([0x7b, 0xff, 0x7d])))).toEqual([""]);
});

test("parseImageIndex() takes children of any type, nested and none", () => {
  const children = [
    layer,
    { ...layer, mediaType: mediaTypes.index },
    { ...layer, mediaType: "application/x" },
  ];
  expect(parseImageIndex(JSON.stringify({ ...index, manifests: children })).manifests).toHaveLength(3);
  expect(parseImageIndex(JSON.stringify({ ...index, manifests: null })).manifests).toEqual([]);
});

test("parseImageIndex() refuses a document with layers", () => {
  expect(issuesOf(() => parseImageIndex(JSON.stringify({ ...index, layers: [] })))).toEqual(["layers"]);
});

test.each([
  { document: manifest, mediaType: undefined, kind: "manifest" },
  { document: { ...manifest, mediaType: undefined }, mediaType: undefined, kind: "manifest" },
  { document: index, mediaType: undefined, kind: "index" },
  { document: { ...index, mediaType: undefined }, mediaType: undefined, kind: "index" },
  { document: { ...index, mediaType: undefined }, mediaType: dockerMediaTypes.index, kind: "index" },
  { document: index, mediaType: "application/octet-stream", kind: "index" },
])("parseManifestOrIndex() reads case %#", ({ document, mediaType, kind }) => {
  expect(parseManifestOrIndex(JSON.stringify(document), mediaType).kind).toBe(kind as "manifest");
});
