/**
 * Files at a registry: an artifact manifest, whose subject is the image that they are attached to, if any.
 * Source: image-spec manifest.md, guidelines for artifact usage; oras attach and push.
 */
import { existsSync, statSync } from "node:fs";
import { basename, isAbsolute, normalize } from "node:path";
import { Unsupported } from "../../base/index.ts";
import {
  type Annotations,
  type Descriptor,
  digestOf,
  embeddedContent,
  emptyDescriptor,
  MAX_MANIFEST_BYTES,
  mediaTypes,
  type Platform,
  parseManifest,
  parseReference,
} from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { atRegistry, type Remote, type RemoteOptions } from "./access.ts";
import { pushFile } from "./blobs.ts";
import { resolveRemote } from "./manifests.ts";

/** The annotation by which a layer says how its file is called. */
export const TITLE = "org.opencontainers.image.title";
const CREATED = "org.opencontainers.image.created";
const DEFAULT_TYPE = "application/octet-stream";

/** Of what an artifact is made. */
export interface ArtifactRequest extends RemoteOptions {
  readonly artifactType: string;
  readonly annotations: Annotations;
  /** Each is `FILE` or `FILE:MEDIA/TYPE`. */
  readonly files: readonly string[];
}

/** What is attached. */
export interface AttachRequest extends ArtifactRequest {
  /** To the image of an index for this platform, rather than to the index. */
  readonly platform?: Platform | undefined;
}

/** What is at the registry now. */
export interface Attached {
  readonly subject: Descriptor;
  readonly artifact: Descriptor;
}

/** Attaches files to the image that `text` names. @throws {InvalidOption} @throws {Unsupported} */
export async function attachFiles(text: string, request: AttachRequest): Promise<Attached> {
  const files = parseFiles(request.files);
  return await atRegistry(text, request, async (remote) => {
    const { descriptor: subject } = await resolveRemote(remote, request.platform);
    return { subject, artifact: await putArtifact(remote, files, request, subject) };
  });
}

/** Puts files as an artifact of its own under the name `text`. @throws {InvalidOption} @throws {Unsupported} */
export async function pushArtifact(text: string, request: ArtifactRequest): Promise<Descriptor> {
  const files = parseFiles(request.files);
  const { digest } = parseReference(text);
  if (digest !== undefined)
    throw new InvalidOption(
      { option: "REFERENCE", value: text },
      `Cannot push an artifact as ${digest}: its digest comes of what it is; wants a tag, or none`,
    );
  return await atRegistry(text, request, (remote) => putArtifact(remote, files, request, undefined));
}

/** @param subject  Absent: it goes by the reference's tag */
async function putArtifact(
  { client, reference, signal }: Remote,
  files: readonly ArtifactFile[],
  request: ArtifactRequest,
  subject: Descriptor | undefined,
): Promise<Descriptor> {
  const layers: Descriptor[] = [];
  for (const { path, title, mediaType } of files)
    layers.push({ mediaType, ...(await pushFile(client, path, signal)), annotations: { [TITLE]: title } });
  const empty = embeddedContent(emptyDescriptor) ?? new Uint8Array();
  if (!(await client.hasBlob(emptyDescriptor, signal)))
    await client.pushBlob(emptyDescriptor, () => new Blob([Buffer.from(empty)]).stream(), signal);
  const { data: _, ...config } = emptyDescriptor;
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: request.artifactType,
    config,
    layers: layers.length > 0 ? layers : [config],
    ...(subject !== undefined && { subject }),
    annotations: { [CREATED]: `${new Date().toISOString().slice(0, 19)}Z`, ...request.annotations },
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new Unsupported({
      what: "annotations of this size",
      why: `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`,
    });
  parseManifest(bytes, mediaTypes.manifest); // types that are none are told before they are sent
  const digest = digestOf(bytes);
  const name = subject === undefined ? (reference.tag ?? digest) : digest;
  await client.putManifest(name, { mediaType: mediaTypes.manifest, bytes }, signal);
  const { artifactType, annotations } = manifest;
  return { mediaType: mediaTypes.manifest, digest, size: bytes.length, artifactType, annotations };
}

/** A file, what it is called in the artifact, and what it is. */
interface ArtifactFile {
  readonly path: string;
  readonly title: string;
  readonly mediaType: string;
}

function parseFiles(texts: readonly string[]): ArtifactFile[] {
  const files = texts.map(parseFile);
  if (new Set(files.map(({ title }) => title)).size < files.length)
    throw new InvalidOption({ option: "FILE", value: "" }, "Cannot attach two files of one name");
  return files;
}

/** A colon may be part of a name: what is there as it is written is a file. */
function parseFile(text: string): ArtifactFile {
  const colon = text.lastIndexOf(":");
  const isWhole = colon < 1 || existsSync(text);
  const path = isWhole ? text : text.slice(0, colon);
  const mediaType = isWhole ? DEFAULT_TYPE : text.slice(colon + 1);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined)
    throw new InvalidOption(
      { option: "FILE", value: text },
      `Cannot attach ${JSON.stringify(path)}: there is no such file`,
    );
  if (!stats.isFile())
    throw new Unsupported({
      what: `attaching ${JSON.stringify(path)}`,
      why: "it is not a regular file; pack a folder first",
    });
  // Whoever gets it has no such folders as ours.
  const relative = normalize(path);
  const title = isAbsolute(relative) || relative.startsWith("../") ? basename(relative) : relative;
  return { path, title, mediaType };
}
