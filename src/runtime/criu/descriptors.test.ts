/** The names of standard streams, of this process's descriptors and in files that others wrote. */
import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, cString, syscall } from "../../sys/index.ts";
import type { SavedState } from "../state.ts";
import { externalFiles, inheritedStreams, savedStreams } from "./descriptors.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-descriptors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Of a state, what is asked for. */
const stateOf = (descriptors: readonly string[]): SavedState =>
  ({ pid: process.pid, descriptors }) as unknown as SavedState;

describe("savedStreams()", () => {
  test("keeps pipes, the null device and what is no longer what it was by the names that they had", () => {
    const names = ["pipe:[1]", "/dev/null", join(folder, "gone")];
    expect(savedStreams(stateOf(names))).toEqual(names);
  });

  test("a file that the process can get to by itself is looked for there, and keeps its name", () => {
    const path = join(folder, "file");
    // The lowest free number is far from 0: the list has a place for it all the same.
    const descriptor = openSync(path, "w");
    try {
      const names = [...Array.from({ length: descriptor }, () => ""), path];
      expect(savedStreams(stateOf(names))).toEqual(names);
    } finally {
      closeSync(descriptor);
    }
  });

  test("what is in no mount of the process's is named by mount and inode, as long as the process has it", () => {
    // A memory file lies in a file system of the kernel's that is mounted nowhere.
    const descriptor = check(syscall("memfd_create", cString("x"), 1), "memfd_create");
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      const names = [...Array.from({ length: descriptor }, () => ""), path];
      const name = savedStreams(stateOf(names)).at(-1) ?? "";
      expect(name).toMatch(/^file\[[0-9a-f]+:[0-9a-f]+\]$/);
      expect(name).toEndWith(`:${statSync(`/proc/self/fd/${descriptor}`).ino.toString(16)}]`);
      expect(externalFiles([name, "pipe:[1]", name, "/x", "file[x:y]"])).toEqual([name]);
    } finally {
      closeSync(descriptor);
    }
  });

  test("a state without them, as of a container with a terminal, has none", () => {
    expect(savedStreams({ pid: process.pid } as unknown as SavedState)).toEqual([]);
  });
});

describe("inheritedStreams()", () => {
  const write = (text: string): void => writeFileSync(join(folder, "descriptors.json"), text);
  const read = (): unknown => inheritedStreams(folder, "descriptors.json");

  test("takes pipes and files outside by their place in the list", () => {
    write('["/dev/null", "pipe:[12]", "file[1f:8a]"]');
    expect(read()).toEqual([
      { key: "pipe:[12]", fd: 1 },
      { key: "file[1f:8a]", fd: 2 },
    ]);
  });

  test.each([
    "pipe:[12]x",
    "xpipe:[12]",
    "pipe:[]",
    "net[4026531840]:extRootNetNS",
    "file[1f:8a]:/etc/shadow",
    "file[../..]",
  ])("a name like %s stands in for nothing", (name) => {
    write(JSON.stringify([name]));
    expect(read()).toEqual([]);
  });

  test.each(["", "{", "{}", "null", "[1]", '["a","b","c","d"]', '"pipe:[1]"'])("refuses %p", (text) => {
    write(text);
    expect(read).toThrow(`Cannot restore from ${folder}: descriptors.json is not`);
  });
});
