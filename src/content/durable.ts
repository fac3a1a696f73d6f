/** Files that survive a power cut whole or not at all. */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, writeError } from "./errors.ts";

/** Makes `text` the content of `path`: written beside, synced, renamed, the folder synced. */
export function replaceFile(path: string, text: string, mode = 0o644): void {
  writeBeside(path, text, mode, (draft) => renameSync(draft, path));
}

/** Makes `path` with `text` unless it is there already. @returns whether it was made */
export function createFile(path: string, text: string): boolean {
  try {
    writeBeside(path, text, 0o644, (draft) => linkSync(draft, path));
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

function writeBeside(path: string, text: string, mode: number, publish: (draft: string) => void): void {
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    const descriptor = openSync(draft, "wx", mode);
    try {
      writeWhole(descriptor, Buffer.from(text), 0);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    publish(draft);
    syncFolder(dirname(path));
  } catch (error) {
    throw writeError(error, dirname(path));
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Writes all of `bytes` at `position`, wherever the descriptor stands. */
export function writeWhole(descriptor: number, bytes: Uint8Array, position: number): void {
  let offset = 0;
  while (offset < bytes.length)
    offset += writeSync(descriptor, bytes, offset, bytes.length - offset, position + offset);
}

/** Makes `folder`, and those above it that are missing, durably. */
export function makeFolder(folder: string, mode: number): void {
  try {
    const first = mkdirSync(folder, { recursive: true, mode });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
  } catch (error) {
    throw writeError(error, dirname(folder));
  }
}

/** Makes the names in `folder` durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
