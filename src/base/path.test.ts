import { expect, test } from "bun:test";
import { normalizePath, resolvePath, splitPath } from "./path.ts";

test.each([
  ["/", "/"],
  ["", "."],
  ["a//b/./c/", "a/b/c"],
  ["/a/../../b", "/b"],
  ["../a/../..", "../.."],
  ["a/..", "."],
  ["//x", "/x"],
])("normalizePath() makes %j %j", (path, want) => {
  expect(normalizePath(path)).toBe(want);
});

test("resolvePath() takes an absolute path as it is", () => {
  expect(resolvePath("/bundle", "rootfs")).toBe("/bundle/rootfs");
  expect(resolvePath("/bundle", "/root/../x")).toBe("/x");
  expect(resolvePath("/bundle", "../..")).toBe("/");
});

test("splitPath() knows the root and what has no directory", () => {
  expect(splitPath("/a/b")).toEqual({ directory: "/a", name: "b" });
  expect(splitPath("/a")).toEqual({ directory: "/", name: "a" });
  expect(splitPath("a")).toEqual({ directory: ".", name: "a" });
});
