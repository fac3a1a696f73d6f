/**
 * Attaches files to an image at its registry: an artifact manifest whose subject is the image.
 * Source: image-spec manifest.md, guidelines for artifact usage; oras attach.
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
} from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { atRegistry, type RemoteOptions } from "./access.ts";
import { pushFile } from "./blobs.ts";
import { resolveRemote } from "./manifests.ts";

/** The annotation by which a layer says how its file is called. */
export const TITLE = "org.opencontainers.image.title";
const CREATED = "org.opencontainers.image.created";
const DEFAULT_TYPE = "application/octet-stream";

/** What is attached. */
export interface AttachRequest extends RemoteOptions {
  readonly artifactType: string;
  readonly annotations: Annotations;
  /** Each is `FILE` or `FILE:MEDIA/TYPE`. */
  readonly files: readonly string[];
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
  const files = request.files.map(parseFile);
  if (new Set(files.map(({ title }) => title)).size < files.length)
    throw new InvalidOption({ option: "FILE", value: "" }, "Cannot attach two files of one name");
  return await atRegistry(text, request, async (remote) => {
    const { client, signal } = remote;
    const { descriptor: subject } = await resolveRemote(remote, request.platform);
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
      subject,
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
    await client.putManifest(digest, { mediaType: mediaTypes.manifest, bytes }, signal);
    const { artifactType, annotations } = manifest;
    return {
      subject,
      artifact: { mediaType: mediaTypes.manifest, digest, size: bytes.length, artifactType, annotations },
    };
  });
}

/** A colon may be part of a name: what is there as it is written is a file. */
function parseFile(text: string): { path: string; title: string; mediaType: string } {
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
