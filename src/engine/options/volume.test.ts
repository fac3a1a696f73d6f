import { expect, test } from "bun:test";
import { hasCode } from "../../base/index.ts";
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

test.each([
  ["/a:b", "must be absolute"],
  ["/a:/", "destination can't be '/'"],
  ["/a:/b/..", "destination can't be '/'"],
  ["/a:/b:ro:rw", "more than three fields"],
  ["/a:/b:rx", "invalid mode: rx"],
  ["./a:/b", "neither an absolute path"],
  [":/b", "neither an absolute path"],
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
