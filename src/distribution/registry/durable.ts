/**
 * Small files that survive a power cut whole or not at all: written beside, synced, renamed, their folder synced.
 * They are read synchronously: from the page cache that takes 5 µs, where a promise for each would take ten times as long.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Begins the name of a file that is not finished. No tag and no digest begins so. */
export const UNFINISHED = ".new-";

/** Makes `text` the content of `path`, and its folders where they are missing. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await makeFolders(folder);
  const unfinished = join(folder, `${UNFINISHED}${randomUUID()}`);
  try {
    const file = await open(unfinished, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Removes `path`. @returns whether it was there. */
export async function removeDurably(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}

/** The content of a small file, or undefined if it is not there. */
export function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether a system error says that there is nothing at a path; nothing can have a name that is too long. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && MISSING.has(error.code);
}
const MISSING = new Set<unknown>(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

async function makeFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  // A new folder's name lies in its parent: without these, a file could survive in a folder that did not.
  for (let at = dirname(folder); at.length >= dirname(first).length; at = dirname(at)) await syncFolder(at);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
