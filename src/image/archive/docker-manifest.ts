/**
 * manifest.json of a docker archive → OCI manifests in the store: the config's bytes are kept, so the image ID stays.
 * Source: docker-archive as `docker save` and skopeo write it.
 */
import type { ContentStore } from "../../content/index.ts";
import { type Descriptor, mediaTypes, parseJSON } from "../../spec/index.ts";
import { writeDocument } from "../write-image.ts";
import { type ArchiveLookup, type ImportedImage, InvalidImageArchive } from "./content.ts";

interface DockerEntry {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

/** Writes a manifest for every entry. @throws {InvalidImageArchive} a member that is named is not there */
export function dockerImages(
  store: ContentStore,
  manifest: Uint8Array,
  find: ArchiveLookup,
): ImportedImage[] {
  return parseEntries(manifest).map(({ config, layers, names }) => {
    const descriptorOf = (name: string, mediaType: string): Descriptor => {
      const content = find(name);
      if (content === undefined)
        throw new InvalidImageArchive({
          why: `manifest.json names ${JSON.stringify(name)}, which is not in it`,
        });
      return { mediaType, ...content };
    };
    const descriptor = writeDocument(store, mediaTypes.manifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: descriptorOf(config, mediaTypes.config),
      layers: layers.map((name) => descriptorOf(name, mediaTypes.layer)),
    });
    return { descriptor, names };
  });
}

function parseEntries(bytes: Uint8Array): DockerEntry[] {
  const document = parseJSON(new TextDecoder().decode(bytes), "manifest.json");
  if (!Array.isArray(document)) throw new InvalidImageArchive({ why: "manifest.json is not a list" });
  return document.map((entry: unknown) => {
    const { Config, Layers, RepoTags } = (entry ?? {}) as Record<string, unknown>;
    if (typeof Config !== "string" || !isTexts(Layers))
      throw new InvalidImageArchive({ why: "manifest.json has an entry without Config and Layers" });
    return { config: Config, layers: Layers, names: isTexts(RepoTags) ? RepoTags : [] };
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}
