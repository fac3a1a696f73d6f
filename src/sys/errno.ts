/** The kernel's error numbers by name, the sentence that people know for each, and the error that a failed call becomes. */
import { type ErrorKind, TeuError } from "../base/index.ts";

/** Linux error numbers by name, those that we ask for; the same on x86_64 and aarch64. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EDQUOT: 122,
} as const satisfies Record<string, number>;
export type ErrnoName = keyof typeof errno;

/** What glibc's strerror says, for the errors that container runtimes meet; callers of runc match several of them. */
const SENTENCES: Record<string, string> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  ESRCH: "no such process",
  EINTR: "interrupted system call",
  EIO: "input/output error",
  ENXIO: "no such device or address",
  E2BIG: "argument list too long",
  ENOEXEC: "exec format error",
  EBADF: "bad file descriptor",
  ECHILD: "no child processes",
  EAGAIN: "resource temporarily unavailable",
  ENOMEM: "cannot allocate memory",
  EACCES: "permission denied",
  EFAULT: "bad address",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EXDEV: "invalid cross-device link",
  ENODEV: "no such device",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  EMFILE: "too many open files",
  ENOTTY: "inappropriate ioctl for device",
  ETXTBSY: "text file busy",
  EFBIG: "file too large",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
  EMLINK: "too many links",
  EPIPE: "broken pipe",
  ERANGE: "numerical result out of range",
  ENAMETOOLONG: "file name too long",
  ENOSYS: "function not implemented",
  ENOTEMPTY: "directory not empty",
  ELOOP: "too many levels of symbolic links",
  EMSGSIZE: "message too long",
  EOPNOTSUPP: "operation not supported",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  ECONNRESET: "connection reset by peer",
  ETIMEDOUT: "connection timed out",
  ECONNREFUSED: "connection refused",
  EDQUOT: "disk quota exceeded",
};

const KINDS: Record<string, ErrorKind> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  ESRCH: "not-found",
  EEXIST: "already-exists",
  EPERM: "permission-denied",
  EACCES: "permission-denied",
  EINVAL: "invalid",
  ENOSPC: "exhausted",
  EDQUOT: "exhausted",
  ENOMEM: "exhausted",
  EMFILE: "exhausted",
  ENOSYS: "unsupported",
  EOPNOTSUPP: "unsupported",
  EBUSY: "failed-precondition",
};

/** `ENOENT` for 2. */
export function errnoName(number: number): string {
  return nameIn(errno, number) ?? nameIn(allErrnos(), number) ?? `errno ${number}`;
}

/** Loaded for the rare names only: every command would pay for it. */
function allErrnos(): Readonly<Record<string, number>> {
  return process.getBuiltinModule("node:os").constants.errno;
}

function nameIn(numbers: Readonly<Record<string, number>>, number: number): string | undefined {
  return Object.keys(numbers).find((name) => numbers[name] === number);
}

/** `no such file or directory` for 2. */
export function errnoSentence(number: number): string {
  const name = errnoName(number);
  return SENTENCES[name] ?? name;
}

/** What a caller can do about it, by the errno's name. */
export function errnoKind(name: string): ErrorKind {
  return KINDS[name] ?? "internal";
}

/** A system call of the host side failed. `context.path` names what it was about, where there is such a thing. */
export class SystemCallFailed extends TeuError<
  "system-call-failed",
  { call: string; errno: string; path: string | undefined }
> {
  /** What people know the errno by: `no such file or directory`. */
  readonly sentence: string;
  readonly number: number;

  constructor(call: string, number: number, path?: string) {
    const name = errnoName(number);
    const what = path === undefined ? call : `${call} ${JSON.stringify(path)}`;
    super(
      "system-call-failed",
      errnoKind(name),
      { call, errno: name, path },
      `${what}: ${errnoSentence(number)}`,
    );
    this.sentence = errnoSentence(number);
    this.number = number;
  }
}

/** `ENOENT` and so on, of a failed system call or of an error of node:fs; empty for anything else. */
export function errnoOf(error: unknown): string {
  if (error instanceof SystemCallFailed) return error.context.errno;
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Passes a system call's result on. @throws {SystemCallFailed} when it is -errno. */
export function check(result: number, call: string, path?: string): number {
  if (result < 0) throw new SystemCallFailed(call, -result, path);
  return result;
}
