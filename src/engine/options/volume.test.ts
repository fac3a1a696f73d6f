import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { type HostPath, hasCode } from "../../base/index.ts";
import { parseVolume } from "./volume.ts";

test.each([
  ["/a:/b", { source: "/a", destination: "/b", readonly: false, propagation: "rprivate" }],
  ["/a:/b:ro", { source: "/a", destination: "/b", readonly: true, propagation: "rprivate" }],
  ["/a:/b:ro,rslave", { source: "/a", destination: "/b", readonly: true, propagation: "rslave" }],
  ["/a:/b:nocopy,rw", { source: "/a", destination: "/b", readonly: false, propagation: "rprivate" }],
  ["/a/../c:/b/../../d/", { source: "/c", destination: "/d", readonly: false, propagation: "rprivate" }],
])("parseVolume() reads %s", (text, want) => {
  expect(parseVolume(text)).toEqual(want as ReturnType<typeof parseVolume>);
});

// Refused, though docker takes it.
test.each([
  [".:/b", process.cwd()],
  ["./a/:/b", resolve("a")],
  ["../a:/b:ro", resolve("../a")],
])("parseVolume() finds %s from the working directory", (text, source) => {
  expect(parseVolume(text).source).toBe(source as HostPath);
});

test.each([
  ["/a:b", "must be absolute"],
  ["/a:/", "destination can't be '/'"],
  ["/a:/b/..", "destination can't be '/'"],
  ["/a:/b:ro:rw", "more than three fields"],
  ["/a:/b:rx", "invalid mode: rx"],
  ["a/b:/b", "neither a path"],
  [".a/b:/b", "neither a path"],
  [":/b", "neither a path"],
  ["a:", "must be absolute"],
])("parseVolume() refuses %s: %s", (text, why) => {
  expect(() => parseVolume(text)).toThrow(why);
});

test.each(["data:/b", "/b", "/a:/b:Z"])("parseVolume() says that %s is not built yet", (text) => {
  let caught: unknown;
  try {
    parseVolume(text);
  } catch (error) {
    caught = error;
  }
  expect(hasCode(caught, "unsupported")).toBe(true);
});
