/**
 * Gets the files of an artifact back. Titles are hostile: each is a relative name below the folder, reached through real folders
 * alone, and a file takes its place by rename, so that no link is followed. Source: oras pull; the attacks on it (GHSA-m37j-52j7-pjw7).
 */
import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TeuError } from "../../base/index.ts";
import type { RegistryClient } from "../../distribution/client/index.ts";
import { type Descriptor, type Digest, parseManifestOrIndex } from "../../spec/index.ts";
import { atRegistry, type RemoteOptions } from "./access.ts";
import { TITLE } from "./attach.ts";
import { resolveRemote } from "./manifests.ts";

/** What it is has no files, or its names are not to be trusted. */
export class NotAnArtifact extends TeuError<"not-an-artifact", { text: string; why: string }> {
  constructor(context: { text: string; why: string }, options?: { hint?: string }) {
    super(
      "not-an-artifact",
      "invalid",
      context,
      `Cannot get the files of ${context.text}: ${context.why}`,
      options,
    );
  }
}

/** What was got. */
export interface PulledArtifact {
  readonly digest: Digest;
  readonly artifactType: string | undefined;
  readonly files: readonly { readonly path: string; readonly digest: Digest; readonly size: number }[];
}

/** Writes the files of the artifact that `text` names below `folder`. @throws {NotAnArtifact} before anything is written */
export async function pullArtifact(
  text: string,
  folder: string,
  options: RemoteOptions,
): Promise<PulledArtifact> {
  return await atRegistry(text, options, async (remote) => {
    const { descriptor, bytes } = await resolveRemote(remote, undefined);
    const document = parseManifestOrIndex(bytes, descriptor.mediaType);
    if (document.kind === "index") throw new NotAnArtifact({ text, why: "it is an index" });
    const { manifest } = document;
    const files = new Map<string, Descriptor>();
    for (const layer of manifest.layers) {
      const title = layer.annotations?.[TITLE];
      if (title === undefined) continue;
      const path = partsOf(title).join("/");
      if (path === "" || files.has(path))
        throw new NotAnArtifact({
          text,
          why: `${JSON.stringify(title)} is no name for a file below a folder, or stands there twice`,
        });
      files.set(path, layer);
    }
    if (files.size === 0)
      throw new NotAnArtifact(
        { text, why: "none of its layers is a file with a name" },
        { hint: "teu blob get gets a blob as it is" },
      );
    for (const [path, layer] of files) await writeFile(remote.client, layer, folder, path, remote.signal);
    return {
      digest: descriptor.digest,
      artifactType: manifest.artifactType ?? manifest.config.mediaType,
      files: [...files].map(([path, { digest, size }]) => ({ path: join(folder, path), digest, size })),
    };
  });
}

/** The names on the way to a file; none for a title that leads elsewhere. */
export function partsOf(title: string): string[] {
  const parts = title.split("/").filter((part) => part !== ".");
  const isBad =
    title.length > 4096 || title.includes("\0") || parts.some((part) => part === "" || part === "..");
  return isBad ? [] : parts;
}

async function writeFile(
  client: RegistryClient,
  layer: Descriptor,
  folder: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  makeFolders(folder, path);
  const target = join(folder, path);
  const draft = `${target}.${randomUUID()}.tmp`;
  try {
    await using handle = await open(draft, "wx");
    for await (const chunk of client.getBlob(layer, signal)) await handle.writeFile(chunk);
    await handle.sync();
    renameSync(draft, target);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Each folder on the way is a real one; the first is the person's own choice. */
function makeFolders(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true });
  let at = folder;
  for (const part of dirname(path)
    .split("/")
    .filter((name) => name !== ".")) {
    at = join(at, part);
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(at);
    else if (!stats.isDirectory()) throw new NotAnArtifact({ text: path, why: `${at} is not a folder` });
  }
}
