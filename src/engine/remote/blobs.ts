/** Blobs at a registry, by themselves. */
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TeuError } from "../../base/index.ts";
import type { RegistryClient } from "../../distribution/client/index.ts";
import { type Digest, hasherFor, parseReference } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { abortOnSignal } from "../run/signals.ts";
import { atRegistry, openClient, type RemoteOptions } from "./access.ts";

/** The repository has no such blob. */
export class NoSuchBlob extends TeuError<"no-such-blob", { text: string }> {
  constructor(context: { text: string }) {
    super("no-such-blob", "not-found", context, `No such blob: ${context.text}`);
  }
}

/** What a blob is known by. */
export interface RemoteBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** The bytes of the blob REPOSITORY@DIGEST, checked: they fail before their end if they are wrong. @throws {NoSuchBlob} */
export async function* getRemoteBlob(text: string, options: RemoteOptions): AsyncGenerator<Uint8Array> {
  using interrupt = abortOnSignal();
  const client = await openClient(parseReference(text), options);
  yield* client.getBlob(await stat(client, text, interrupt.signal), interrupt.signal);
}

/** @throws {NoSuchBlob} */
export async function statRemoteBlob(text: string, options: RemoteOptions): Promise<RemoteBlob> {
  return await atRegistry(text, options, ({ client, signal }) => stat(client, text, signal));
}

/** Puts a file, or what comes on standard input, into a repository. */
export async function putRemoteBlob(
  text: string,
  file: string | undefined,
  options: RemoteOptions,
): Promise<RemoteBlob> {
  return await atRegistry(text, options, async ({ client, signal }) => {
    if (file !== undefined) return await pushFile(client, file, signal);
    // Its digest is wanted before its first byte.
    const folder = mkdtempSync(join(tmpdir(), "teu-blob-"));
    try {
      const spool = join(folder, "blob");
      await using handle = await open(spool, "wx", 0o600);
      for await (const chunk of Bun.stdin.stream()) {
        signal.throwIfAborted();
        await handle.writeFile(chunk);
      }
      return await pushFile(client, spool, signal);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** @throws {NoSuchBlob} */
export async function removeRemoteBlob(text: string, options: RemoteOptions): Promise<void> {
  await atRegistry(text, options, async ({ client, signal }) => {
    if (!(await client.deleteBlob(digestIn(text), signal))) throw new NoSuchBlob({ text });
  });
}

/** Uploads a file, unless it is there already. */
export async function pushFile(
  client: RegistryClient,
  file: string,
  signal: AbortSignal,
): Promise<RemoteBlob> {
  const hash = hasherFor("sha256");
  let size = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal })) {
    hash.update(chunk);
    size += chunk.length;
  }
  const blob = { digest: `sha256:${hash.digest("hex")}` as Digest, size };
  if (await client.hasBlob(blob, signal)) return blob;
  await client.pushBlob(blob, () => Bun.file(file).stream(), signal);
  return blob;
}

async function stat(client: RegistryClient, text: string, signal: AbortSignal): Promise<RemoteBlob> {
  const found = await client.statBlob(digestIn(text), signal);
  if (found === undefined) throw new NoSuchBlob({ text });
  return found;
}

function digestIn(text: string): Digest {
  const { digest } = parseReference(text);
  if (digest !== undefined) return digest;
  throw new InvalidOption(
    { option: "BLOB", value: text },
    `Invalid blob ${JSON.stringify(text)}: wants REPOSITORY@DIGEST`,
  );
}
