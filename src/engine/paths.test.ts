import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { needs, root } from "../../test/support/needs.ts";
import { enginePaths } from "./paths.ts";

needs(root)("enginePaths() has the system's places where the environment names none", () => {
  expect(enginePaths({})).toMatchObject({ root: "/var/lib/teu", bundles: "/run/teu/containers" });
  expect(enginePaths({ TEU_ROOT: "", TEU_RUN: "" })).toMatchObject({ root: "/var/lib/teu", run: "/run/teu" });
});

// No container started: its mounts were looked for below its bundle.
test("enginePaths() finds relative places from the working directory", () => {
  const { root, run, snapshots } = enginePaths({ TEU_ROOT: "state", TEU_RUN: "./run" });
  expect<string[]>([root, run, snapshots]).toEqual([
    resolve("state"),
    resolve("run"),
    resolve("state/snapshots"),
  ]);
});

test("enginePaths() of a plain user are their own", () => {
  const user = { HOME: "/home/ann", XDG_RUNTIME_DIR: "/run/user/7" };
  const isRoot = process.geteuid?.() === 0;
  expect(enginePaths(user)).toMatchObject(
    isRoot
      ? { root: "/var/lib/teu", run: "/run/teu" }
      : { root: "/home/ann/.local/share/teu", run: "/run/user/7/teu" },
  );
});
