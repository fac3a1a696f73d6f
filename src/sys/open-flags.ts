/** Flags of open(2) on the two architectures that teu runs on. Source: kernel asm-generic/fcntl.h; arch/arm64, asm/fcntl.h. */
import { architecture } from "./binding.ts";
import type { Architecture } from "./numbers.ts";

/** What asm-generic has; x86_64 takes all of it. */
const GENERIC = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  SYNC: 0o4010000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
};
/** Where arm64 differs: x86's bits are its O_DIRECT and O_LARGEFILE, which the kernel takes without a word. */
const ARM64 = { ...GENERIC, DIRECTORY: 0o40000, NOFOLLOW: 0o100000 };

/** The flags of `openSync`, openat and openat2 on `of`, by their names in the kernel. */
export function openFlags(of: Architecture): Readonly<typeof GENERIC> {
  return of === "arm64" ? ARM64 : GENERIC;
}

/** Those of this machine. */
export const O = openFlags(architecture);
