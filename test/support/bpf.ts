/**
 * What the kernel does with a seccomp filter: the checks before it accepts one, and the run at each system call.
 * Source: kernel kernel/seccomp.c, seccomp_check_filter; net/core/filter.c, bpf_check_classic.
 */

/** `struct seccomp_data`, without the instruction pointer. */
export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  /** Six, unsigned. */
  readonly args: readonly bigint[];
}

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LD_W_ABS = 0x20;
const ALU_AND_K = 0x54;
const JA = 0x05;
const RET_K = 0x06;
const CONDITIONAL: Record<number, (a: number, k: number) => boolean> = {
  21: (a, k) => a === k,
  37: (a, k) => a > k,
  53: (a, k) => a >= k,
};

function decode(program: Uint8Array): Instruction[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  return Array.from({ length: program.length / 8 }, (_, index) => ({
    code: view.getUint16(index * 8, true),
    jt: view.getUint8(index * 8 + 2),
    jf: view.getUint8(index * 8 + 3),
    k: view.getUint32(index * 8 + 4, true),
  }));
}

/** Throws where the kernel would answer EINVAL. */
export function checkFilter(program: Uint8Array): void {
  const instructions = decode(program);
  if (program.length % 8 !== 0 || instructions.length === 0 || instructions.length > 4096)
    throw new Error(`a filter of ${program.length} bytes`);
  instructions.forEach(({ code, jt, jf, k }, at) => {
    const left = instructions.length - at - 1;
    const conditional = code in CONDITIONAL;
    const known = conditional || [LD_W_ABS, ALU_AND_K, JA, RET_K].includes(code);
    if (!known) throw new Error(`${at}: code ${code}`);
    if (code === LD_W_ABS && (k % 4 !== 0 || k >= 64)) throw new Error(`${at}: load at ${k}`);
    if (code === JA && k >= left) throw new Error(`${at}: jump over ${k} of ${left}`);
    if (conditional && Math.max(jt, jf) >= left) throw new Error(`${at}: jump over ${jt}, ${jf} of ${left}`);
  });
  if (instructions.at(-1)?.code !== RET_K) throw new Error("the last instruction is no return");
}

/** Runs the filter; `steps` counts the instructions executed. */
export function runFilter(program: Uint8Array, data: SeccompData): { returned: number; steps: number } {
  const instructions = decode(program);
  const words = [data.nr, data.arch, 0, 0];
  for (const argument of data.args) words.push(Number(argument & 0xffff_ffffn), Number(argument >> 32n));
  let accumulator = 0;
  let steps = 0;
  for (let at = 0; ; at++) {
    const instruction = instructions[at];
    if (instruction === undefined) throw new Error(`ran out of the program at ${at}`);
    const { code, jt, jf, k } = instruction;
    steps++;
    if (code === RET_K) return { returned: k, steps };
    else if (code === LD_W_ABS) accumulator = words[k / 4] ?? 0;
    else if (code === ALU_AND_K) accumulator = (accumulator & k) >>> 0;
    else if (code === JA) at += k;
    else at += CONDITIONAL[code]?.(accumulator, k) ? jt : jf;
  }
}
