/**
 * Descriptors: media type, digest and size of content that lies elsewhere.
 * Source: image-spec descriptor.md; manifest.md, guidance for an empty descriptor.
 */
import { array, type Check, type Issue, integer, object, optional, record, string } from "./check.ts";
import { type Digest, digestAlgorithm, digestOf, isDigest, isSupportedAlgorithm } from "./digest.ts";
import { mediaTypes } from "./media-type.ts";
import { type Platform, platformCheck } from "./platform.ts";

/** String to string; the keys beginning with `org.opencontainers` are the specification's. Source: annotations.md. */
export type Annotations = Readonly<Record<string, string>>;

/** Points at content. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Of the content, in bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Annotations;
  /** The content itself in base64; checked against digest and size when the descriptor was parsed. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/** `{}`: what artifacts that need no config point at. */
export const emptyDescriptor: Descriptor = {
  mediaType: mediaTypes.empty,
  digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" as Digest,
  size: 2,
  data: "e30=",
};

/** A digest. */
export const digestCheck: Check<Digest> = (value) => {
  if (typeof value !== "string") return string(value);
  if (isDigest(value)) return undefined;
  return [
    { path: [], found: JSON.stringify(value.slice(0, 200)), wants: "a digest, as sha256:<64 hex digits>" },
  ];
};

/** A media type. Source: RFC 6838, 4.2. */
export const mediaTypeCheck: Check<string> = (value) => {
  if (typeof value !== "string") return string(value);
  if (MEDIA_TYPE.test(value)) return undefined;
  return [{ path: [], found: JSON.stringify(value.slice(0, 200)), wants: "a media type, as type/subtype" }];
};
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** Annotations; values are strings. */
export const annotationsCheck: Check<Annotations> = record(string);

const fields = object<Descriptor>({
  mediaType: mediaTypeCheck,
  digest: digestCheck,
  size: integer(0),
  urls: optional(array(string)),
  annotations: optional(annotationsCheck),
  data: optional(string),
  artifactType: optional(mediaTypeCheck),
  platform: optional(platformCheck),
});

/** A descriptor whose `data`, if any, is what digest and size say. */
export const descriptorCheck: Check<Descriptor> = (value) => fields(value) ?? dataIssues(value as Descriptor); // just checked

function dataIssues({ data, digest, size }: Descriptor): readonly Issue[] | undefined {
  if (data === undefined) return undefined;
  const content = Buffer.from(data, "base64");
  const wrong = (found: string, wants: string): readonly Issue[] => [{ path: ["data"], found, wants }];
  if (content.toString("base64") !== data) return wrong("other text", "base64 with padding");
  if (content.length !== size) return wrong(`${content.length} bytes`, `${size} bytes, as size says`);
  const algorithm = digestAlgorithm(digest);
  if (!isSupportedAlgorithm(algorithm)) return undefined;
  const actual = digestOf(content, algorithm);
  return actual === digest ? undefined : wrong(`content with digest ${actual}`, digest);
}

/** The bytes of `data`, where the descriptor carries its content. */
export function embeddedContent(descriptor: Descriptor): Uint8Array | undefined {
  return descriptor.data === undefined ? undefined : Buffer.from(descriptor.data, "base64");
}
