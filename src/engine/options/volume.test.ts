import { expect, test } from "bun:test";
import { resolve } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { parseVolume } from "./volume.ts";

test.each([
  ["/a:/b", { kind: "bind", source: "/a", destination: "/b", readonly: false, propagation: "rprivate" }],
  ["/a:/b:ro", { kind: "bind", source: "/a", destination: "/b", readonly: true, propagation: "rprivate" }],
  [
    "/a:/b:ro,rslave",
    { kind: "bind", source: "/a", destination: "/b", readonly: true, propagation: "rslave" },
  ],
  [
    "/a:/b:nocopy,rw",
    { kind: "bind", source: "/a", destination: "/b", readonly: false, propagation: "rprivate" },
  ],
  [
    "/a/../c:/b/../../d/",
    { kind: "bind", source: "/c", destination: "/d", readonly: false, propagation: "rprivate" },
  ],
])("parseVolume() reads %s", (text, want) => {
  expect(parseVolume(text)).toEqual(want as ReturnType<typeof parseVolume>);
});

// Refused, though docker takes it.
test.each([
  [".:/b", process.cwd()],
  ["./a/:/b", resolve("a")],
  ["../a:/b:ro", resolve("../a")],
])("parseVolume() finds %s from the working directory", (text, source) => {
  expect(parseVolume(text)).toMatchObject({ kind: "bind", source: source as HostPath });
});

test.each([
  ["/a:b", "must be absolute"],
  ["/a:/", "destination can't be '/'"],
  ["/a:/b/..", "destination can't be '/'"],
  ["/a:/b:ro:rw", "more than three fields"],
  ["/a:/b:rx", "invalid mode: rx"],
  ["a/b:/b", "invalid characters for a local volume name"],
  [".a/b:/b", "invalid characters for a local volume name"],
  ["a:/b", "volume name is too short"],
  ["a b:/b", "invalid characters for a local volume name"],
  [`${"v".repeat(256)}:/b`, "volume name is too long"],
  [":/b", "neither a path nor a volume"],
  ["data:/b:rslave", "invalid mode: rslave"],
  ["a:", "must be absolute"],
])("parseVolume() refuses %s: %s", (text, why) => {
  expect(() => parseVolume(text)).toThrow(why);
});

test.each([
  ["data:/b", { name: "data", destination: "/b", readonly: false, copies: true }],
  ["data:/b:ro,nocopy", { name: "data", destination: "/b", readonly: true, copies: false }],
  ["/b", { destination: "/b", readonly: false, copies: true }],
  ["1.x-_:/b/../c:z", { name: "1.x-_", destination: "/c", readonly: false, copies: true }],
])("parseVolume() takes %s for a volume", (text, want) => {
  expect(parseVolume(text)).toEqual({ kind: "volume", ...want } as ReturnType<typeof parseVolume>);
});
