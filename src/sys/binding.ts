/**
 * The one way from TypeScript to the kernel: `native/sys.c`, loaded from a memfd so that no writable or executable
 * temporary folder is needed. Opened at the first call, never at import.
 */
import { dlopen, FFIType, type Pointer, ptr } from "bun:ffi";
import sysObject from "../../native/out/sys.so.base64" with { type: "text" };
import { type Architecture, type SystemCall, systemCallNumber } from "./numbers.ts";

/** The architecture that this process runs on. */
export const architecture: Architecture = process.arch === "arm64" ? "arm64" : "x64";

const I64 = FFIType.i64_fast;
const SYMBOLS = {
  teu_syscall: { args: [I64, I64, I64, I64, I64, I64, I64], returns: I64 },
  teu_calls: { args: [FFIType.ptr, I64], returns: I64 },
  teu_spawn: { args: [FFIType.ptr], returns: I64 },
} as const;

const encoder = new TextEncoder();

type Library = ReturnType<typeof dlopen<typeof SYMBOLS>>;
let library: Library | undefined;

function open(): Library {
  const libc = dlopen("libc.so.6", {
    memfd_create: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
    write: { args: [FFIType.i32, FFIType.ptr, FFIType.u64], returns: FFIType.i64_fast },
  });
  const bytes = Uint8Array.fromBase64(sysObject);
  const descriptor = libc.symbols.memfd_create(ptr(cString("teu-sys")), 1);
  const written = libc.symbols.write(descriptor, ptr(bytes), bytes.length);
  if (descriptor < 0 || Number(written) !== bytes.length)
    throw new Error("Cannot load the system call binding from a memfd");
  return dlopen(`/proc/self/fd/${descriptor}`, SYMBOLS);
}

/** A system call argument: a number, or bytes whose address is passed. The caller keeps the bytes alive until the return. */
export type Argument = number | NodeJS.TypedArray | DataView;

function word(argument: Argument): number {
  return typeof argument === "number" ? argument : argument.byteLength === 0 ? 0 : (ptr(argument) as number);
}

/** Makes one system call, synchronously. Returns its result, or -errno. */
export function syscall(
  call: SystemCall,
  a: Argument = 0,
  b: Argument = 0,
  c: Argument = 0,
  d: Argument = 0,
  e: Argument = 0,
  f: Argument = 0,
): number {
  library ??= open();
  const number = systemCallNumber(call, architecture);
  return Number(library.symbols.teu_syscall(number, word(a), word(b), word(c), word(d), word(e), word(f)));
}

/** Makes `count` calls, each a `struct call` of sys.c; see file-batch.ts. Returns how many went well. */
export function callsRaw(address: number, count: number): number {
  library ??= open();
  return Number(library.symbols.teu_calls(address as Pointer, count));
}

/** Runs `struct spawn` of sys.c; see spawn.ts. Returns the pid or -errno. */
export function spawnRaw(block: DataView): number {
  library ??= open();
  return Number(library.symbols.teu_spawn(ptr(block)));
}

/** The address of `bytes`, for a structure that holds pointers. The caller keeps `bytes` alive and in one place. */
export function addressOf(bytes: NodeJS.TypedArray): Pointer {
  return ptr(bytes);
}

/** `text` with its terminating NUL. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** How many bytes `text` has for the kernel. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}
