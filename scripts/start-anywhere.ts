/**
 * Lets the finished executable start in a directory that was deleted. Bun asks for the current directory before any of
 * our code runs and exits with status 1 when there is none; a runtime is called from such places (a shim whose bundle is
 * gone, a shell in an unpacked image). So the program gets a new first instruction: where getcwd says ENOENT, go to `/`.
 * The code lies in the zeroes that fill the page before the text segment; their absence fails the build.
 */

const PT_LOAD = 1;
const PF_X = 1;
const PAGE = 0x1000n;
const EM_X86_64 = 62;
const [MACHINE_AT, ENTRY_AT, HEADERS_AT, HEADER_SIZE_AT, HEADER_COUNT_AT] = [18, 24, 32, 54, 56];

/** x86-64; rdx, which the dynamic linker hands to the program, and the stack pointer stay as they are. */
const CODE = [
  [0x48, 0x8d, 0xbc, 0x24, 0x00, 0xe0, 0xff, 0xff], // lea  -0x2000(%rsp), %rdi
  [0xbe, 0x00, 0x10, 0x00, 0x00], //                     mov  $0x1000, %esi
  [0xb8, 0x4f, 0x00, 0x00, 0x00], //                     mov  $79, %eax      getcwd
  [0x0f, 0x05], //                                       syscall
  [0x83, 0xf8, 0xfe], //                                 cmp  $-2, %eax      -ENOENT
  [0x75, 0x0e], //                                       jne  to the jump below
  [0x48, 0x8d, 0x3d, 0x0c, 0x00, 0x00, 0x00], //         lea  12(%rip), %rdi "/"
  [0xb8, 0x50, 0x00, 0x00, 0x00], //                     mov  $80, %eax      chdir
  [0x0f, 0x05], //                                       syscall
].flat();
const JUMP = 0xe9; // jmp rel32, to where the program began
const JUMP_BYTES = 5;
const ROOT = [0x2f, 0x00]; // "/"

interface Segment {
  readonly flags: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly fileSize: bigint;
}

/** Changes `file` in place. Other machines than x86-64 are left as they are: there, teu needs a current directory. */
export function startAnywhere(file: Buffer): void {
  if (file.readUInt16LE(MACHINE_AT) !== EM_X86_64) return;
  const segments = loadSegments(file);
  const index = segments.findIndex(({ flags }) => (flags & PF_X) !== 0);
  const [before, text] = [segments[index - 1], segments[index]];
  if (before === undefined || text === undefined) throw unknown("its segments are not as expected");
  const end = before.offset + before.fileSize;
  const firstPage = text.offset & ~(PAGE - 1n);
  const start = ((end > firstPage ? end : firstPage) + 15n) & ~15n;
  const size = CODE.length + JUMP_BYTES + ROOT.length;
  const gap = file.subarray(Number(start), Number(text.offset));
  if (gap.length < size || gap.some((byte) => byte !== 0)) throw unknown("no room before its text segment");
  const address = text.address - text.offset + start;
  const distance = file.readBigUInt64LE(ENTRY_AT) - (address + BigInt(CODE.length + JUMP_BYTES));
  gap.set(CODE);
  gap.writeUInt8(JUMP, CODE.length);
  gap.writeInt32LE(Number(distance), CODE.length + 1);
  gap.set(ROOT, CODE.length + JUMP_BYTES);
  file.writeBigUInt64LE(address, ENTRY_AT);
}

function loadSegments(file: Buffer): Segment[] {
  const first = Number(file.readBigUInt64LE(HEADERS_AT));
  const size = file.readUInt16LE(HEADER_SIZE_AT);
  const segments: Segment[] = [];
  for (let number = 0; number < file.readUInt16LE(HEADER_COUNT_AT); number++) {
    const at = first + number * size;
    if (file.readUInt32LE(at) !== PT_LOAD) continue;
    segments.push({
      flags: file.readUInt32LE(at + 4),
      offset: file.readBigUInt64LE(at + 8),
      address: file.readBigUInt64LE(at + 16),
      fileSize: file.readBigUInt64LE(at + 32),
    });
  }
  return segments;
}

function unknown(why: string): Error {
  return new Error(`Cannot let the executable start in a deleted directory: ${why}; was Bun updated?`);
}
