import { expect, test } from "bun:test";
import { subCgroupPaths } from "./sub-path.ts";

const v1 = { cpu: "/c/cpu,cpuacct/box", cpuacct: "/c/cpu,cpuacct/box", memory: "/c/memory/box" };

test("subCgroupPaths() puts a path below every hierarchy, or below those that are named", () => {
  expect(subCgroupPaths({ "": "/c/box" }, ["a/b"])).toEqual({ "": "/c/box/a/b" });
  expect(subCgroupPaths({ "": "/c/box" }, ["/"])).toEqual({ "": "/c/box" });
  expect(subCgroupPaths(v1, ["/a"])).toEqual({
    cpu: "/c/cpu,cpuacct/box/a",
    cpuacct: "/c/cpu,cpuacct/box/a",
    memory: "/c/memory/box/a",
  });
  expect(subCgroupPaths(v1, ["cpu:a", "memory:b"])).toEqual({
    cpu: "/c/cpu,cpuacct/box/a",
    cpuacct: "/c/cpu,cpuacct/box/a",
    memory: "/c/memory/box/b",
  });
  expect(subCgroupPaths(v1, [])).toEqual(v1);
});

test.each([
  [["../other"], "bad sub cgroup path: ../other"],
  [["a/../../boxes"], "bad sub cgroup path"],
  [["memory:../.."], "bad sub cgroup path"],
  [["memory:a", "b"], "missing <controller>: prefix"],
  [[":a"], "(empty <controller> prefix)"],
  [["memory,:a"], "(empty <controller> prefix)"],
  [["memory:a", "cpu,memory:b"], "controller memory specified multiple times"],
  [["nonsense:a"], "unknown controller nonsense in SubCgroupPaths"],
])("subCgroupPaths() refuses %j", (given, words) => {
  expect(() => subCgroupPaths(v1, given)).toThrow(words);
});
