/**
 * x86's O_DIRECTORY and O_NOFOLLOW are O_DIRECT and O_LARGEFILE on arm64: what was to be refused there, a link or a file in
 * place of a directory, was opened. Source: kernel asm-generic/fcntl.h; arch/arm64/include/uapi/asm/fcntl.h.
 */
import { expect, test } from "bun:test";
import { constants } from "node:fs";
import { architecture } from "./binding.ts";
import { O, openFlags } from "./open-flags.ts";

const BOTH = {
  RDONLY: 0o0,
  WRONLY: 0o1,
  RDWR: 0o2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
};

test.each([
  { of: "x64", want: { ...BOTH, DIRECTORY: 0o200000, NOFOLLOW: 0o400000 } },
  { of: "arm64", want: { ...BOTH, DIRECTORY: 0o40000, NOFOLLOW: 0o100000 } },
] as const)("openFlags() of $of", ({ of, want }) => {
  expect(openFlags(of)).toEqual(want);
});

test("O is this machine's", () => {
  expect(O).toBe(openFlags(architecture));
  const { O_DIRECTORY, O_NOFOLLOW, O_SYNC, O_NOCTTY } = constants;
  expect(O).toMatchObject({
    DIRECTORY: O_DIRECTORY,
    NOFOLLOW: O_NOFOLLOW,
    SYNC: O_SYNC,
    NOCTTY: O_NOCTTY,
  });
});
