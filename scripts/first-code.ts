/**
 * Gives the finished executable a few instructions that run before Bun's own start, for three things that Bun has no switch for:
 *
 * - To start in a directory that was deleted. Bun asks for the current directory and exits with status 1 when there is none;
 *   a runtime is called from such places (a shim whose bundle is gone, a shell in an unpacked image). Where getcwd says
 *   ENOENT, go to `/`.
 * - To compile later. JavaScriptCore makes machine code of every function that has been called some forty times. A command
 *   that is over in ten milliseconds never gets that back: measured, `runtime run` takes 30 % more time with it, `run` of an
 *   image 60 %, and unpacking a Debian image is as fast either way. So it waits forty times as long, unless the caller says
 *   otherwise in the same variable.
 * - To do without a helping thread. After 1 MB of objects JavaScriptCore starts one that has more memory ready; a command
 *   that makes 2 MB and ends gets 500 kB of it for nothing: half a millisecond of processor time. So it waits for 4 MB.
 *
 * The code lies in the zeroes that fill the page before the text segment; their absence fails the build.
 */

const PT_LOAD = 1;
const PF_X = 1;
const PAGE = 0x1000n;
const EM_X86_64 = 62;
const [MACHINE_AT, ENTRY_AT, HEADERS_AT, SECTIONS_AT, HEADER_SIZE_AT, HEADER_COUNT_AT] = [
  18, 24, 32, 40, 54, 56,
];
const [SECTION_SIZE_AT, SECTION_COUNT_AT] = [58, 60];
const SHT_RELA = 4;
const SHT_DYNSYM = 11;
const R_X86_64_JUMP_SLOT = 7;
const [SYMBOL_BYTES, RELOCATION_BYTES] = [24, 24];

/** What is set in the environment, unless it is there. */
const VARIABLES = [
  // JavaScriptCore's own is 500, of which a call takes some 12.
  ["BUN_JSC_thresholdForJITAfterWarmUp", "20000"],
  // Blocks of 16 kB; its own is 64.
  ["BUN_JSC_warmUpMarkedBlockStartAfterBlocks", "256"],
] as const;

/** x86-64. rdx, which the dynamic linker hands to the program, and the stack pointer are afterwards what they were. */
function code(
  setenvSlot: number,
  at: { root: number; variables: readonly (readonly [name: number, value: number])[] },
): number[] {
  const bytes: number[] = [];
  const add = (...more: readonly number[]): void => void bytes.push(...more);
  const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
  /** The distance to `target` from the end of the instruction that ends with it. */
  const to = (target: number): number[] => word(target - (bytes.length + 7));
  add(0x48, 0x8d, 0xbc, 0x24, ...word(-0x2000)); //  lea  -0x2000(%rsp), %rdi
  add(0xbe, ...word(0x1000)); //                     mov  $0x1000, %esi
  add(0xb8, ...word(79)); //                         mov  $79, %eax      getcwd
  add(0x0f, 0x05); //                                syscall
  add(0x83, 0xf8, 0xfe); //                          cmp  $-2, %eax      -ENOENT
  add(0x75, 0x0e); //                                jne  over the next three
  add(0x48, 0x8d, 0x3d, ...to(at.root)); //          lea  root(%rip), %rdi
  add(0xb8, ...word(80)); //                         mov  $80, %eax      chdir
  add(0x0f, 0x05); //                                syscall
  add(0x52, 0x52); //                                push %rdx           twice: the stack stays aligned
  for (const [name, value] of at.variables) {
    add(0x48, 0x8d, 0x3d, ...to(name)); //           lea  name(%rip), %rdi
    add(0x48, 0x8d, 0x35, ...to(value)); //          lea  value(%rip), %rsi
    add(0x31, 0xd2); //                              xor  %edx, %edx     what is set stays
    add(0xff, 0x14, 0x25, ...word(setenvSlot)); //   call *slot          setenv
  }
  add(0x5a, 0x5a); //                                pop  %rdx
  return bytes;
}

const JUMP = 0xe9; // jmp rel32, to where the program began
const JUMP_BYTES = 5;

/** Changes `file` in place. Other machines than x86-64 are left as they are: there, teu needs a current directory. */
export function addFirstCode(file: Buffer): void {
  if (file.readUInt16LE(MACHINE_AT) !== EM_X86_64) return;
  const { start, address, room } = gapBeforeText(file);
  const texts: Buffer[] = [];
  const slot = slotOf(file, "setenv");
  // The code's length does not depend on where things are.
  const codeBytes = code(slot, { root: 0, variables: VARIABLES.map(() => [0, 0]) }).length;
  const textsAt = codeBytes + JUMP_BYTES;
  const place = (text: string): number => {
    const at = texts.reduce((end, before) => end + before.length, textsAt);
    texts.push(Buffer.from(`${text}\0`));
    return at;
  };
  const root = place("/");
  const variables = VARIABLES.map(([name, value]) => [place(name), place(value)] as const);
  const jump = Buffer.alloc(JUMP_BYTES, JUMP);
  jump.writeInt32LE(Number(file.readBigUInt64LE(ENTRY_AT) - address) - textsAt, 1);
  const all = Buffer.concat([Buffer.from(code(slot, { root, variables })), jump, ...texts]);
  if (all.length > room) throw unknown("no room before its text segment");
  all.copy(file, start);
  file.writeBigUInt64LE(address, ENTRY_AT);
}

/** Where in the file and in memory the zeroes before the text segment begin, and how many there are. */
function gapBeforeText(file: Buffer): { start: number; address: bigint; room: number } {
  const segments = loadSegments(file);
  const index = segments.findIndex(({ flags }) => (flags & PF_X) !== 0);
  const [before, text] = [segments[index - 1], segments[index]];
  if (before === undefined || text === undefined) throw unknown("its segments are not as expected");
  const end = before.offset + before.fileSize;
  const firstPage = text.offset & ~(PAGE - 1n);
  const start = ((end > firstPage ? end : firstPage) + 15n) & ~15n;
  const gap = file.subarray(Number(start), Number(text.offset));
  if (gap.some((byte) => byte !== 0)) throw unknown("what is before its text segment is in use");
  return { start: Number(start), address: text.address - text.offset + start, room: gap.length };
}

interface Segment {
  readonly flags: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly fileSize: bigint;
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

/** The address at which the program keeps the address of a function of libc. */
function slotOf(file: Buffer, name: string): number {
  const sections = allSections(file);
  const symbols = sections.find(({ type }) => type === SHT_DYNSYM);
  const names = symbols && sections[symbols.link];
  if (symbols === undefined || names === undefined) throw unknown("it has no dynamic symbols");
  for (const { type, offset, size } of sections) {
    if (type !== SHT_RELA) continue;
    for (let at = offset; at < offset + size; at += RELOCATION_BYTES) {
      if (file.readUInt32LE(at + 8) !== R_X86_64_JUMP_SLOT) continue;
      const symbol = symbols.offset + file.readUInt32LE(at + 12) * SYMBOL_BYTES;
      const from = names.offset + file.readUInt32LE(symbol);
      if (file.toString("latin1", from, file.indexOf(0, from)) === name)
        return Number(file.readBigUInt64LE(at));
    }
  }
  throw unknown(`it does not call ${name}`);
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Of a symbol table: the number of the section with its names. */
  readonly link: number;
}

function allSections(file: Buffer): Section[] {
  const first = Number(file.readBigUInt64LE(SECTIONS_AT));
  const bytes = file.readUInt16LE(SECTION_SIZE_AT);
  return Array.from({ length: file.readUInt16LE(SECTION_COUNT_AT) }, (_, number) => {
    const at = first + number * bytes;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    };
  });
}

function unknown(why: string): Error {
  return new Error(`Cannot add to the executable's first instructions: ${why}; was Bun updated?`);
}
