/**
 * A container's filter as the kernel takes it, beside its state.json: `exec` loads what `create` has compiled, and neither compiles it again nor
 * loads what does. Who can write there could write another state.json, which says of each exec where it goes and what it may do.
 */
import {
  check,
  closeSync,
  errnoOf,
  fstatSync,
  O,
  openSync,
  readStartSync,
  syscall,
} from "../../sys/index.ts";
import type { SeccompPlan } from "../compile/context.ts";

const NAME = "filter";
/** The flags come before the program. */
const HEADER_BYTES = 8;

/** Saves it, unless somebody has to be told of its listener: each process of such a container has one of its own. */
export function saveFilter(directory: string, { program, flags, listener }: SeccompPlan): void {
  if (listener !== undefined) return;
  const bytes = new Uint8Array(new ArrayBuffer(HEADER_BYTES + program.length));
  new DataView(bytes.buffer).setUint32(0, flags, true);
  bytes.set(program, HEADER_BYTES);
  const path = `${directory}/${NAME}`;
  const file = openSync(path, O.WRONLY | O.CREAT | O.TRUNC, 0o600);
  try {
    const written = check(syscall("write", file, bytes, bytes.length), "write", path);
    if (written !== bytes.length) throw new RangeError(`${path} took ${written} of ${bytes.length} bytes`);
  } finally {
    closeSync(file);
  }
}

/** The one that was saved; undefined: it has to be compiled. */
export function savedFilter(directory: string): SeccompPlan | undefined {
  let file: number;
  try {
    file = openSync(`${directory}/${NAME}`, O.RDONLY | O.NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined; // by an older teu, restored from a checkpoint, or with a listener
    throw error;
  }
  try {
    const bytes = readStartSync(file, fstatSync(file).size);
    const flags = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES).getUint32(0, true);
    return { flags, program: bytes.subarray(HEADER_BYTES) };
  } finally {
    closeSync(file);
  }
}
