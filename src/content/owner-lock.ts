/**
 * A lock between processes that needs nothing but a file system: a file that holds its owner, made whole by link(2).
 * The lock of a process that died is broken by whoever wants it next; only under a lock of its own, named after the
 * one to be broken, so that two breakers never take each other's new lock for the dead one's.
 */
import { linkSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { isAlive, type Owner, thisOwner } from "../base/index.ts";
import { errnoOf } from "./errors.ts";

/** An owner, and one of its locks: a process may take the same lock many times. */
type Held = Owner & { readonly nonce: string };

/** Takes the lock at `path`, or returns undefined while a living process (this one included) has it. */
export function tryLock(path: string): Disposable | undefined {
  const held: Held = { ...thisOwner(), nonce: crypto.randomUUID() };
  const draft = `${path}.${held.nonce}`;
  try {
    writeFileSync(draft, JSON.stringify(held), { flag: "wx", mode: 0o600 });
    if (!place(draft, path) && !(breakDead(path) && place(draft, path))) return undefined;
  } finally {
    rmSync(draft, { force: true }); // a full disk may have left it empty
  }
  let isHeld = true;
  return {
    [Symbol.dispose](): void {
      // A lock may be moved away with its folder, and another be at its path by now.
      if (isHeld && isOf(read(path), held.nonce)) remove(path);
      isHeld = false;
    },
  };
}

/**
 * Takes the lock at `path`, waiting for whoever has it. The wait blocks the thread and looks again each millisecond,
 * since a file cannot wake us: take it only around work of about that length.
 */
export function lock(path: string): Disposable {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const taken = tryLock(path);
    if (taken !== undefined) return taken;
    Atomics.wait(sleeper, 0, 0, 1);
  }
}

/** Whether a living process has the lock at `path`. */
export function isLocked(path: string): boolean {
  const held = read(path);
  return held !== undefined && held !== "unreadable" && isAlive(held);
}

function place(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Removes the lock of a process that died. @returns whether the place may be free now */
function breakDead(path: string): boolean {
  const held = read(path);
  if (held === undefined) return true;
  if (held !== "unreadable" && isAlive(held)) return false;
  // After a power cut a lock may be empty. Nobody alive wrote it: link(2) shows a file only when it is whole.
  const nonce = held === "unreadable" ? "unreadable" : held.nonce;
  using breaking = tryLock(`${path}.break-${nonce}`);
  if (breaking === undefined) return false;
  const now = read(path);
  const isSame = now === "unreadable" ? held === now : now?.nonce === nonce;
  if (isSame) remove(path);
  return true;
}

function isOf(held: ReturnType<typeof read>, nonce: string): boolean {
  return held !== undefined && held !== "unreadable" && held.nonce === nonce;
}

function read(path: string): Held | "unreadable" | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const held = JSON.parse(text) as Partial<Held>; // the fields are looked at next
    const isWhole = typeof held.pid === "number" && /^[0-9a-f-]{36}$/.test(held.nonce ?? "");
    return isWhole ? (held as Held) : "unreadable";
  } catch {
    return "unreadable"; // not JSON: cut short by a power failure
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error; // the ingest that it guarded was removed with it
  }
}
