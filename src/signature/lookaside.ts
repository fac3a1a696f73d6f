/**
 * Signatures that lie beside registries, in a folder or at a web server: `BASE/REPOSITORY@ALGORITHM=HEX/signature-N`, numbered from 1 without a gap.
 * Source: containers/image docs/signature-protocols.md, storage of signatures in a lookaside; containers-registries.d.5.md.
 */
import { link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, Unsupported } from "../base/index.ts";
import { type Digest, digestAlgorithm, digestEncoded, type Reference } from "../spec/index.ts";
import { LookasideFailed } from "./errors.ts";

/** As many as podman looks at. */
const MAX_SIGNATURES = 128;
const MAX_BYTES = 256 << 10;
const PATIENCE_MS = 60_000;

/** A signature's bytes, or why they are not read. */
export type StoredSignature = Uint8Array | string;

/** Where those of `digest` lie below `base`, without their number. */
function folderOf(base: string, { repository }: Reference, digest: Digest): string {
  return `${base.replace(/\/+$/, "")}/${repository}@${digestAlgorithm(digest)}=${digestEncoded(digest)}`;
}

/** Those of `digest`, one after the other. @param base  A URL: file, http or https @throws {Unsupported} any other @throws {LookasideFailed} */
export async function* lookasideSignatures(
  base: string,
  reference: Reference,
  digest: Digest,
  signal?: AbortSignal,
): AsyncGenerator<StoredSignature, void, void> {
  const folder = folderOf(base, reference, digest);
  for (let number = 1; number <= MAX_SIGNATURES; number += 1) {
    const url = new URL(`${folder}/signature-${number}`);
    const found = url.protocol === "file:" ? await fromFile(url) : await fromServer(url, signal);
    if (found === undefined) return;
    yield found;
  }
  yield `of more than ${MAX_SIGNATURES} signatures the others are not looked at`;
}

/** Refuses a place to which nothing can be written. @throws {Unsupported} */
export function requireWritableLookaside(base: string): void {
  const { protocol } = new URL(base);
  if (protocol !== "file:")
    throw new Unsupported(
      { what: `to write signatures to ${JSON.stringify(base)}`, why: "only folders are written to" },
      { hint: "Name one as lookaside-staging in registries.d: file:///FOLDER" },
    );
}

/**
 * Puts a signature of `digest` beside those that are there, on disk when it returns. @returns its file
 * @throws {Unsupported} see `requireWritableLookaside()` @throws {LookasideFailed}
 */
export async function storeSignature(
  base: string,
  reference: Reference,
  digest: Digest,
  signature: Uint8Array,
): Promise<string> {
  requireWritableLookaside(base);
  const url = new URL(folderOf(base, reference, digest));
  const folder = fileURLToPath(url);
  const draft = join(folder, crypto.randomUUID());
  try {
    await mkdir(folder, { recursive: true });
    await using file = await open(draft, "wx", 0o644);
    await file.writeFile(signature);
    await file.sync();
    const path = await publish(draft, folder);
    for (const changed of [folder, dirname(folder)]) await syncFolder(changed);
    return path;
  } catch (error) {
    throw new LookasideFailed({ url: url.href, reason: messageOf(error) }, { cause: error }, "write");
  } finally {
    await rm(draft, { force: true });
  }
}

/** By the first number that is free, whoever else is looking for one. */
async function publish(draft: string, folder: string): Promise<string> {
  for (let number = 1; number <= MAX_SIGNATURES; number += 1) {
    const path = join(folder, `signature-${number}`);
    try {
      await link(draft, path);
      return path;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
  throw new RangeError(`there are ${MAX_SIGNATURES} already, and no more are looked at`);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

async function fromFile(url: URL): Promise<StoredSignature | undefined> {
  const path = fileURLToPath(url);
  try {
    const { size } = await stat(path);
    return size > MAX_BYTES ? tooLarge() : await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new LookasideFailed({ url: url.href, reason: messageOf(error) }, { cause: error });
  }
}

async function fromServer(url: URL, signal: AbortSignal | undefined): Promise<StoredSignature | undefined> {
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new Unsupported({
      what: `the lookaside ${JSON.stringify(url.protocol)}`,
      why: "file, http and https are read",
    });
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url, {
    signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
  }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw new LookasideFailed({ url: url.href, reason: messageOf(error) }, { cause: error });
  });
  if (response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    // Not "there is none": who can make a server fail must not be able to hide signatures behind that either way.
    throw new LookasideFailed({ url: url.href, reason: `it answers with status ${response.status}` });
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BYTES) return tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): string {
  return `a signature of more than ${MAX_BYTES} bytes is not read`;
}
