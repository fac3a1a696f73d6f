import { expect, test } from "bun:test";
import { archivedAttributeName, attributeName } from "./attributes.ts";
import { byteString } from "./byte-string.ts";

test.each([
  { key: "user.overlay.opaque", overlay: "user.overlay.", want: "user.overlay.overlay.opaque" },
  { key: "user.overlay.opaque", overlay: "trusted.overlay.", want: "user.overlay.opaque" },
  { key: "trusted.overlay.opaque", overlay: "trusted.overlay.", want: "trusted.overlay.overlay.opaque" },
  { key: "user.mime", overlay: "user.overlay.", want: "user.mime" },
] as const)(
  "a layer's attribute $key is stored as $want where overlayfs has $overlay",
  ({ key, overlay, want }) => {
    const stored = attributeName(byteString(key), "overlay", overlay);
    expect(stored).toBe(byteString(want));
    expect(archivedAttributeName(byteString(want), overlay)).toBe(byteString(key));
  },
);

test("overlayfs's own attributes of a user namespace are no layer's", () => {
  expect(archivedAttributeName(byteString("user.overlay.opaque"), "user.overlay.")).toBeUndefined();
  expect(attributeName(byteString("user.overlay.opaque"), "plain", "user.overlay.")).toBeUndefined();
});
