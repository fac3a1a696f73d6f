/** Sealed memory files: content that nobody can change any more. Source: memfd_create(2), fcntl(2) F_ADD_SEALS. */
import { cString, syscall } from "./binding.ts";
import { check, errno } from "./errno.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Linux 6.3 and later; says that the file may be executed whatever vm.memfd_noexec is. */
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
const F_SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8;

/** `bytes` as a sealed memfd, close-on-exec. The caller closes it. @throws {SystemCallFailed} */
export function sealedFile(name: string, bytes: Uint8Array, options: { executable?: boolean } = {}): number {
  const label = cString(name);
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let descriptor = syscall("memfd_create", label, options.executable ? flags | MFD_EXEC : flags);
  if (descriptor === -errno.EINVAL) descriptor = syscall("memfd_create", label, flags);
  check(descriptor, "memfd_create");
  for (let written = 0; written < bytes.length; )
    written += check(syscall("write", descriptor, bytes.subarray(written), bytes.length - written), "write");
  check(syscall("fcntl", descriptor, F_ADD_SEALS, F_SEAL_ALL), "fcntl");
  return descriptor;
}
