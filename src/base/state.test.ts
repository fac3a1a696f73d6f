import { expect, test } from "bun:test";
import { resolve } from "node:path";
import type { HostPath } from "./brand.ts";
import { stateRoot } from "./state.ts";

test.each(["/a", "/a/", "//a//b", "/a/../../b", "/", "here", "./here/", "../here", ".", "a/../..", ""])(
  "stateRoot() is absolute as node:path has it: %j",
  (root) => {
    expect(stateRoot({ TEU_ROOT: root })).toBe(resolve(root || "/var/lib/teu") as HostPath);
  },
);
