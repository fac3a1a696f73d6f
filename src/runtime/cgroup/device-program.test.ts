import { expect, test } from "bun:test";
import type { DeviceRule } from "../../spec/index.ts";
import { encodeDeviceProgram } from "./device-program.ts";
import { devicePolicy } from "./device-rules.ts";

interface Request {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly access: string;
}

/** Runs the program as the kernel would: an interpreter of the few instructions that it uses. */
function allows(program: Uint8Array, { type, major, minor, access }: Request): boolean {
  const bits = [...access].reduce((sum, letter) => sum | ({ m: 1, r: 2, w: 4 }[letter] ?? 0), 0);
  const context = new Uint32Array([(type === "b" ? 1 : 2) | (bits << 16), major, minor]);
  const view = new DataView(program.buffer);
  const registers = new BigUint64Array(11);
  const low = (register: number): number => Number((registers[register] ?? 0n) & 0xffff_ffffn);
  for (let pc = 0, fuel = 10_000; fuel > 0; pc++, fuel--) {
    const at = pc * 8;
    const to = view.getUint8(at + 1) & 15;
    const from = view.getUint8(at + 1) >> 4;
    const offset = view.getInt16(at + 2, true);
    const value = view.getInt32(at + 4, true);
    const wide = BigInt.asUintN(64, BigInt(value));
    switch (view.getUint8(at)) {
      case 0x61:
        registers[to] = BigInt(context[offset / 4] ?? 0);
        break;
      case 0x57:
        registers[to] = (registers[to] ?? 0n) & wide;
        break;
      case 0x77:
        registers[to] = (registers[to] ?? 0n) >> wide;
        break;
      case 0xb7:
        registers[to] = wide;
        break;
      case 0xbf:
        registers[to] = registers[from] ?? 0n;
        break;
      case 0x56:
        if (low(to) !== value >>> 0) pc += offset;
        break;
      case 0x5e:
        if (low(to) !== low(from)) pc += offset;
        break;
      case 0x16:
        if (low(to) === value >>> 0) pc += offset;
        break;
      case 0x95:
        return registers[0] === 1n;
      default:
        throw new Error(`unknown instruction ${view.getUint8(at)}`);
    }
  }
  throw new Error("the program does not end");
}

const NOTHING: DeviceRule[] = [{ allow: false, access: "rwm" }];
const EVERYTHING: DeviceRule[] = [{ allow: true, access: "rwm" }];
const DISK: DeviceRule = { allow: true, type: "b", major: 8, minor: 0, access: "r" };

const cases: {
  says: string;
  rules: DeviceRule[];
  type: "b" | "c";
  numbers: string;
  access: string;
  want: boolean;
}[] = [
  { says: "a default device", rules: NOTHING, type: "c", numbers: "1:3", access: "rw", want: true },
  {
    says: "the same numbers as a block device",
    rules: NOTHING,
    type: "b",
    numbers: "1:3",
    access: "r",
    want: false,
  },
  { says: "the kernel's memory", rules: NOTHING, type: "c", numbers: "1:1", access: "r", want: false },
  { says: "making any node", rules: NOTHING, type: "b", numbers: "8:0", access: "m", want: true },
  {
    says: "making and reading at once",
    rules: NOTHING,
    type: "b",
    numbers: "8:0",
    access: "mr",
    want: false,
  },
  { says: "any terminal", rules: NOTHING, type: "c", numbers: "136:77", access: "rw", want: true },
  {
    says: "reading what may be read",
    rules: [...NOTHING, DISK],
    type: "b",
    numbers: "8:0",
    access: "r",
    want: true,
  },
  {
    says: "writing what may be read",
    rules: [...NOTHING, DISK],
    type: "b",
    numbers: "8:0",
    access: "w",
    want: false,
  },
  {
    says: "both of what may be read",
    rules: [...NOTHING, DISK],
    type: "b",
    numbers: "8:0",
    access: "rw",
    want: false,
  },
  { says: "its neighbour", rules: [...NOTHING, DISK], type: "b", numbers: "8:1", access: "r", want: false },
  {
    says: "anything where all is allowed",
    rules: EVERYTHING,
    type: "b",
    numbers: "8:0",
    access: "rw",
    want: true,
  },
  {
    says: "what is excepted from all",
    rules: [...EVERYTHING, { ...DISK, allow: false }],
    type: "b",
    numbers: "8:0",
    access: "r",
    want: false,
  },
  {
    says: "more than what is excepted from all",
    rules: [...EVERYTHING, { ...DISK, allow: false }],
    type: "b",
    numbers: "8:0",
    access: "rw",
    want: false,
  },
  {
    says: "what is left of it",
    rules: [...EVERYTHING, { ...DISK, allow: false }],
    type: "b",
    numbers: "8:0",
    access: "w",
    want: true,
  },
  {
    says: "the highest number",
    rules: [...NOTHING, { allow: true, type: "c", major: 4294967295, minor: 0, access: "r" }],
    type: "c",
    numbers: "4294967295:0",
    access: "r",
    want: true,
  },
];

test.each(cases)("config-linux.md#allowed-device-list: $says ($type $numbers $access)", (item) => {
  const [major = 0, minor = 0] = item.numbers.split(":").map(Number);
  const program = encodeDeviceProgram(devicePolicy(item.rules));
  expect(allows(program, { type: item.type, major, minor, access: item.access })).toBe(item.want);
});

test("encodeDeviceProgram() answers as the list of exceptions says, for every small device and access", () => {
  for (const rules of [NOTHING, EVERYTHING, [...NOTHING, DISK], [...EVERYTHING, { ...DISK, allow: false }]]) {
    const policy = devicePolicy(rules);
    const program = encodeDeviceProgram(policy);
    for (const type of ["b", "c"] as const)
      for (const major of [0, 1, 5, 8, 136])
        for (const minor of [0, 2, 3, 9])
          for (const access of ["m", "r", "w", "rw"]) {
            const matching = policy.exceptions.filter(
              (rule) =>
                rule.type === type &&
                (rule.major === "*" || rule.major === major) &&
                (rule.minor === "*" || rule.minor === minor),
            );
            const want = policy.allowsByDefault
              ? !matching.some((rule) => [...access].some((letter) => rule.access.includes(letter)))
              : matching.some((rule) => [...access].every((letter) => rule.access.includes(letter)));
            expect(allows(program, { type, major, minor, access })).toBe(want);
          }
  }
});
