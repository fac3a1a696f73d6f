import { expect, test } from "bun:test";
import { type Descriptor, descriptorCheck, embeddedContent, emptyDescriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";

const right: Descriptor = { mediaType: "text/plain", digest: digestOf("hello"), size: 5 };

test("emptyDescriptor describes {}", () => {
  expect(emptyDescriptor.digest).toBe(digestOf("{}"));
  expect(descriptorCheck({ ...emptyDescriptor })).toBeUndefined();
  expect(embeddedContent(emptyDescriptor)).toEqual(Buffer.from("{}"));
});

test.each([
  { says: "the plain three fields", change: {} },
  { says: "a registered algorithm that we cannot compute", change: { digest: `blake3:${"a".repeat(64)}` } },
  {
    says: "an unknown algorithm that fits the grammar",
    change: { digest: "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8" },
  },
  { says: "fields that nobody knows", change: { x: { y: 1 } } },
  { says: "null where a field may be absent", change: { annotations: null, urls: null, platform: null } },
  { says: "its content as data", change: { data: "aGVsbG8=" } },
])("descriptor.md: $says passes", ({ change }) => {
  expect(descriptorCheck({ ...right, ...change })).toBeUndefined();
});

test.each([
  { says: "a path as digest", change: { digest: "sha256:../../etc/passwd" }, at: "digest" },
  {
    says: "upper-case hex",
    change: { digest: right.digest.toUpperCase().replace("SHA256", "sha256") },
    at: "digest",
  },
  { says: "a short digest", change: { digest: "sha256:abcd" }, at: "digest" },
  {
    says: "sha512 with 64 digits",
    change: { digest: right.digest.replace("sha256", "sha512") },
    at: "digest",
  },
  { says: "a negative size", change: { size: -1 }, at: "size" },
  { says: "a fractional size", change: { size: 1.5 }, at: "size" },
  { says: "a size beyond what a number holds", change: { size: 2 ** 60 }, at: "size" },
  { says: "no media type", change: { mediaType: undefined }, at: "mediaType" },
  { says: "a media type with a parameter", change: { mediaType: "text/plain; x=y" }, at: "mediaType" },
  { says: "annotations that are no strings", change: { annotations: { a: 1 } }, at: "annotations" },
  { says: "data of another size", change: { data: "aGVsbG9v" }, at: "data" },
  { says: "data of another content", change: { data: "aGVsbGk=" }, at: "data" },
  { says: "data that is not base64", change: { data: "!!" }, at: "data" },
])("descriptor.md: $says is an issue", ({ change, at }) => {
  expect(descriptorCheck({ ...right, ...change })?.map(({ path }) => path[0])).toEqual([at]);
});
