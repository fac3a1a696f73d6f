/** The file that `load -i` reads and `save -o` and its like write; without a name, our standard streams. */
import {
  closeSync,
  createReadStream,
  fstatSync,
  fsyncSync,
  openSync,
  type ReadStream,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { TeuError, writeAll } from "../base/index.ts";
import { errno, isTerminal, SystemCallFailed } from "../sys/index.ts";
import { ReaderGone } from "./reader.ts";

/** What is done with the archive, for messages. */
const PURPOSES = {
  append: "read a layer from",
  "blob get": "write a blob to",
  export: "export a container to",
  "image export": "export an image to",
  import: "import from",
  load: "load images from",
  save: "save images to",
} as const;
type Purpose = keyof typeof PURPOSES;
const READERS: ReadonlySet<Purpose> = new Set(["append", "import", "load"]);

/** The archive would come from a keyboard or go to a screen. */
export class TerminalRefused extends TeuError<"terminal-refused", { command: string }> {
  constructor(command: Purpose) {
    const isFlag = command !== "import";
    const hint = READERS.has(command)
      ? `Name a file${isFlag ? " with -i" : ""}, or pipe one in`
      : "Name a file with -o, or redirect the output";
    super("terminal-refused", "invalid", { command }, `Cannot ${PURPOSES[command]} a terminal`, { hint });
  }
}

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Opens the archive to be read. @throws {SystemCallFailed} @throws {TerminalRefused} */
export function readArchive(
  path: string | undefined,
  command: "load" | "import" | "append" = "load",
): ReadStream {
  if (path === undefined && isTerminal(0)) throw new TerminalRefused(command);
  const file = path === undefined ? 0 : onFile("open", path, () => openSync(path, "r"));
  if (fstatSync(file).isDirectory()) throw new SystemCallFailed("read", errno.EISDIR, path);
  // 1 MiB at a time: every piece costs a turn of the event loop.
  return createReadStream("", { fd: file, highWaterMark: 1 << 20 });
}

/** Writes `pieces` to the archive, which appears when it is whole. @throws {SystemCallFailed} @throws {TerminalRefused} */
export async function writeArchive(
  path: string | undefined,
  pieces: Pieces,
  command: "save" | "export" | "image export" | "blob get" = "save",
): Promise<void> {
  if (path === undefined) {
    if (isTerminal(1)) throw new TerminalRefused(command);
    await writePieces(1, "standard output", pieces);
  } else if (isSpecial(path)) {
    // A device or a pipe is written to: to put a file in its place would take /dev/null from the whole machine.
    const file = onFile("open", path, () => openSync(path, "w"));
    await writePieces(file, path, pieces).finally(() => closeSync(file));
  } else await writeBeside(path, pieces);
}

function isSpecial(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile();
}

/** By rename: a save that is cut short leaves nothing that looks whole. */
async function writeBeside(path: string, pieces: Pieces): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = onFile("open", path, () => openSync(temporary, "wx"));
  try {
    await writePieces(file, path, pieces);
    onFile("fsync", path, () => fsyncSync(file));
    onFile("rename", path, () => renameSync(temporary, path));
  } finally {
    closeSync(file);
    rmSync(temporary, { force: true });
  }
}

async function writePieces(file: number, path: string, pieces: Pieces): Promise<void> {
  // What is cut short is no archive, and there may be much more of it that nobody wants.
  for await (const piece of pieces)
    if (!onFile("write", path, () => writeAll(file, piece)))
      throw file === 1 ? new ReaderGone() : new SystemCallFailed("write", errno.EPIPE, path);
}

/** What the system says of the file becomes an error of ours. */
function onFile<T>(call: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const number = error instanceof Error && "errno" in error ? error.errno : undefined;
    throw typeof number === "number" ? new SystemCallFailed(call, -number, path) : error;
  }
}
