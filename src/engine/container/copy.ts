/**
 * `teu cp`: files between a container and this machine, another container or a stream. Both ends are an open root and a path below it; what is copied goes
 * through an archive, as with docker, and no program of the container's is run (CVE-2019-14271).
 * Source: docker cp reference, which says what goes where.
 */
import { closeSync, constants, statSync } from "node:fs";
import { posix } from "node:path";
import { TeuError } from "../../base/index.ts";
import {
  applyLayer,
  type ByteString,
  bytesOf,
  decodeName,
  END_OF_ARCHIVE,
  type LayerFiles,
  packMember,
} from "../../image/index.ts";
import { check, errno, layerFiles } from "../../sys/index.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { notePassing } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import { type ContainerRoot, openContainerRoot } from "./root.ts";

/** One end. Names are bytes, in any encoding or none. */
export type CopyEnd =
  | { readonly kind: "container"; readonly container: ContainerRecord; readonly path: ByteString }
  | { readonly kind: "host"; readonly path: ByteString };

/** How to copy. */
export interface CopyOptions {
  /** Keep owners; else the copy is root's in a container, and ours on this machine. */
  readonly keepsOwners: boolean;
  /** Copy what the source leads to where it is a link. */
  readonly followsLink: boolean;
}

/** Nothing is there. Docker's words. */
export class NoSuchPath extends TeuError<"no-such-path", { path: string; where: string }> {
  constructor(context: { path: string; where: string }) {
    super("no-such-path", "not-found", context, `Could not find the file ${context.path} ${context.where}`);
  }
}

/** What is there is not what it has to be. */
export class CannotCopy extends TeuError<"cannot-copy", { path: string; why: string }> {
  constructor(context: { path: string; why: string }) {
    super(
      "cannot-copy",
      "invalid",
      context,
      `Cannot copy to ${JSON.stringify(context.path)}: ${context.why}`,
    );
  }
}

/** What ends in a slash is a directory. */
export class NotADirectory extends TeuError<"not-a-directory", { path: string }> {
  constructor(context: { path: string }) {
    super(
      "not-a-directory",
      "invalid",
      context,
      `Cannot copy ${JSON.stringify(context.path)}: not a directory`,
    );
  }
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const TYPE = 0o170000;
const [IS_DIRECTORY, IS_LINK] = [0o040000, 0o120000];
const MAX_LINKS = 40;

/** A name in an open directory. */
interface Place extends Disposable {
  readonly directory: number;
  readonly base: ByteString;
  readonly type: "directory" | "link" | "other" | "none";
}

/** Copies `from` to `to`. @throws {NoSuchPath} {CannotCopy} {LayerFileFailed} */
export async function copyBetween(
  store: Store,
  from: CopyEnd,
  to: CopyEnd,
  options: CopyOptions,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const source = opened.use(await openEnd(store, from));
  // A container that does not run is opened by one at a time.
  const target = isSameContainer(from, to) ? source : opened.use(await openEnd(store, to));
  using found = findSource(source.descriptor, from, options);
  using place = findPlace(target.descriptor, to, true);
  if (to.kind === "host" && place.type !== "directory") refuseSpecialFile(to.path);
  // What ends in a slash is a directory, or is to become one: a file there stays as it is.
  if (place.type !== "directory" && found.type !== "directory" && /\/\.?$/.test(to.path))
    throw new CannotCopy({ path: decodeName(to.path), why: "no such directory" });
  if (found.type === "directory" && place.type === "other")
    throw new CannotCopy({ path: decodeName(to.path), why: "cannot copy directory to a file" });
  tell(store, from, "archive-path");
  tell(store, to, "extract-to-dir");
  const intoDirectory = place.type === "directory";
  const directory = intoDirectory ? openDirectory(place.directory, place.base) : place.directory;
  try {
    const pieces =
      intoDirectory && isContents(from.path)
        ? packContents(found, source.files)
        : packMember(
            found.directory,
            found.base,
            intoDirectory ? nameOf(from.path) : place.base,
            packing(source.files),
          );
    await unpack(pieces, { directory, files: target.files }, options);
  } finally {
    if (intoDirectory) closeSync(directory);
  }
}

/** Writes `from` as a tar archive. @param write  Takes each piece before the next is made. */
export async function copyToArchive(
  store: Store,
  from: CopyEnd,
  write: (piece: Uint8Array) => void,
  options: CopyOptions,
): Promise<void> {
  await using source = await openEnd(store, from);
  using found = findSource(source.descriptor, from, options);
  tell(store, from, "archive-path");
  const pieces =
    isContents(from.path) && found.type === "directory"
      ? packContents(found, source.files)
      : packMember(found.directory, found.base, nameOf(from.path), packing(source.files));
  for (const piece of pieces) write(piece);
  write(END_OF_ARCHIVE);
}

/** Unpacks a tar archive into the directory `to`, which is there. */
export async function copyFromArchive(
  store: Store,
  archive: AsyncIterable<Uint8Array>,
  to: CopyEnd,
  options: CopyOptions,
): Promise<void> {
  await using target = await openEnd(store, to);
  using place = findPlace(target.descriptor, to, true);
  if (place.type === "none") throw new NoSuchPath({ path: decodeName(to.path), where: whereOf(to) });
  if (place.type !== "directory")
    throw new CannotCopy({ path: decodeName(to.path), why: "destination must be a directory" });
  tell(store, to, "extract-to-dir");
  const directory = openDirectory(place.directory, place.base);
  try {
    await unpack(archive, { directory, files: target.files }, options);
  } finally {
    closeSync(directory);
  }
}

function isSameContainer(a: CopyEnd, b: CopyEnd): boolean {
  return a.kind === "container" && b.kind === "container" && a.container.id === b.container.id;
}

/** What a device or a pipe leads to has no place in a directory: `/dev/stdout`. @throws {CannotCopy} */
function refuseSpecialFile(path: ByteString): void {
  const place = path.replace(/\/+\.?$/, "") as ByteString; // a part of `path`, which leads through no file
  const found = statSync(bytesOf(place), { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory() || found.isFile()) return;
  const why = 'must be a directory or a regular file ("-" is our output, as an archive)';
  throw new CannotCopy({ path: decodeName(path), why });
}

/** Docker's words. */
function tell(store: Store, end: CopyEnd, action: "archive-path" | "extract-to-dir"): void {
  if (end.kind === "container") notePassing(store, end.container, { [action]: {} });
}

const packing = (files: LayerFiles) => ({ files, mode: "plain" as const });

async function unpack(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { directory, files }: { readonly directory: number; readonly files: LayerFiles },
  { keepsOwners }: CopyOptions,
): Promise<void> {
  const ownership = keepsOwners ? "restore" : "ours";
  const how = {
    files,
    mode: "plain",
    ownership,
    isLiteral: true,
    sync: false,
  } as const;
  await applyLayer(asSource(pieces), `/proc/self/fd/${directory}`, how);
}

async function* asSource(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield piece;
  yield END_OF_ARCHIVE;
}

/** All that is in a directory, without the directory. */
function* packContents({ directory, base }: Place, files: LayerFiles): Generator<Buffer> {
  const descriptor = openDirectory(directory, base);
  try {
    const names = files.list(descriptor);
    if (typeof names === "number") check(names, "list", decodeName(base));
    else for (const name of names.sort()) yield* packMember(descriptor, name, name, packing(files));
  } finally {
    closeSync(descriptor);
  }
}

async function openEnd(store: Store, end: CopyEnd): Promise<ContainerRoot> {
  if (end.kind === "container") return await openContainerRoot(store, end.container);
  const descriptor = check(layerFiles().openDirectory("/"), "open", "/");
  const files = layerFiles<ByteString>();
  return { descriptor, files, [Symbol.asyncDispose]: async () => closeSync(descriptor) };
}

function openDirectory(parent: number, base: ByteString): number {
  return check(layerFiles<ByteString>().openInRoot(parent, base, DIRECTORY), "open", decodeName(base));
}

/** Whether the contents are meant, and not the directory. */
function isContents(path: ByteString): boolean {
  return path.endsWith("/.") || path === "." || posix.resolve("/", path) === "/";
}

function nameOf(path: ByteString): ByteString {
  return posix.basename(posix.resolve("/", path)) as ByteString; // a part of one
}

function whereOf(end: CopyEnd): string {
  return end.kind === "container" ? `in container ${end.container.name}` : "on this machine";
}

/** What is to be copied. @throws {NoSuchPath} */
function findSource(root: number, end: CopyEnd, { followsLink }: CopyOptions): Place {
  const isDirectory = /\/\.?$/.test(end.path);
  const place = findPlace(root, end, followsLink || isDirectory);
  if (place.type !== "none" && (!isDirectory || place.type === "directory")) return place;
  place[Symbol.dispose]();
  if (place.type !== "none") throw new NotADirectory({ path: decodeName(end.path) });
  throw new NoSuchPath({ path: decodeName(end.path), where: whereOf(end) });
}

/** The name that a path leads to, which need not be there; its directory is. @throws {NoSuchPath} */
function findPlace(root: number, end: CopyEnd, followsLink: boolean): Place {
  const files = layerFiles<ByteString>();
  let path = posix.join("/", end.path.replace(/\/+\.?$/, "") || "/");
  for (let links = 0; links <= MAX_LINKS; links++) {
    const base = posix.basename(path);
    const isItself = base === "" || base === "." || base === "..";
    const parent = isItself ? path : posix.dirname(path);
    const directory = files.openInRoot(root, parent as ByteString, DIRECTORY); // made of the bytes of `path`
    if (directory === -errno.ENOENT || directory === -errno.ENOTDIR)
      throw new NoSuchPath({ path: decodeName(end.path), where: whereOf(end) });
    check(directory, "open", decodeName(parent as ByteString));
    const name = (isItself ? "." : base) as ByteString;
    const target = isItself ? -errno.EINVAL : files.readLink(directory, name);
    if (typeof target === "number" || !followsLink)
      return {
        directory,
        base: name,
        type: typeAt(directory, name),
        [Symbol.dispose]: () => closeSync(directory),
      };
    closeSync(directory);
    // The kernel, not we, finds out where `..` leads.
    path = target.startsWith("/") ? target : `${parent}/${target}`;
  }
  throw new CannotCopy({ path: decodeName(end.path), why: "too many levels of links" });
}

function typeAt(directory: number, base: ByteString): Place["type"] {
  const status = layerFiles<ByteString>().status(directory, base);
  if (status === -errno.ENOENT) return "none";
  if (typeof status === "number") {
    check(status, "look at", decodeName(base));
    return "none";
  }
  const type = status.mode & TYPE;
  return type === IS_DIRECTORY ? "directory" : type === IS_LINK ? "link" : "other";
}
