import { expect, test } from "bun:test";
import { resolve } from "node:path";
import type { HostPath } from "./brand.ts";
import { stateRoot } from "./state.ts";

test.each(["/a", "/a/", "//a//b", "/a/../../b", "/", "here", "./here/", "../here", ".", "a/../..", ""])(
  "stateRoot() is absolute as node:path has it: %j",
  (root) => {
    const own = process.geteuid?.() === 0 ? "/var/lib/teu" : "/home/ann/.local/share/teu";
    expect(stateRoot({ TEU_ROOT: root, HOME: "/home/ann" })).toBe(resolve(root || own) as HostPath);
  },
);
