/** What the flags of checkpoint and restore become for CRIU. */
import { expect, test } from "bun:test";
import { type CriuFlagValues, criuChoices } from "./criu-flags.ts";

const NONE: CriuFlagValues = {
  "image-path": undefined,
  "work-path": undefined,
  "tcp-established": false,
  "ext-unix-sk": false,
  "shell-job": false,
  "file-locks": false,
  "manage-cgroups-mode": undefined,
  "empty-ns": [],
  "auto-dedup": false,
  "lazy-pages": false,
};

test("criuChoices() without flags: the directory of runc, CRIU's own way with cgroups, a network namespace made anew", () => {
  const { imagePath, workPath, cgroupsMode, plain } = criuChoices(NONE);
  expect([imagePath, workPath, cgroupsMode]).toEqual([`${process.cwd()}/checkpoint`, undefined, "default"]);
  expect(Object.entries(plain).filter(([, value]) => value !== false)).toEqual([["empty_ns", 0x4000_0000]]);
});

test.each([
  ["tcp-established", "tcp_established"],
  ["ext-unix-sk", "ext_unix_sk"],
  ["shell-job", "shell_job"],
  ["file-locks", "file_locks"],
  ["auto-dedup", "auto_dedup"],
  ["lazy-pages", "lazy_pages"],
] as const)("--%s is %s", (flag, option) => {
  const { plain } = criuChoices({ ...NONE, [flag]: true });
  expect(Object.entries(plain).filter(([, value]) => value === true)).toEqual([[option, true]]);
});

test("criuChoices() takes paths from the current directory on, network as an empty namespace, and every mode", () => {
  const given = { ...NONE, "image-path": "a/../b", "work-path": "/w/", "empty-ns": ["network"] };
  expect(criuChoices(given)).toMatchObject({ imagePath: `${process.cwd()}/b`, workPath: "/w" });
  for (const mode of ["soft", "full", "strict", "ignore"] as const)
    expect(criuChoices({ ...NONE, "manage-cgroups-mode": mode }).cgroupsMode).toBe(mode);
  expect(() => criuChoices({ ...NONE, "manage-cgroups-mode": "default" })).toThrow(
    "invalid manage-cgroups-mode",
  );
});
