import { describe, expect, test } from "bun:test";
import { parseStorage, storageBytes } from "./storage.ts";

describe("parseStorage()", () => {
  test("takes the last size, in any case of its name, as docker does", () => {
    expect(parseStorage([])).toBeUndefined();
    expect(parseStorage(["size=1g", "SIZE=2m"])).toEqual({ size: "2m" });
    expect(storageBytes({ size: "2m" })).toBe(2 << 20);
    expect(storageBytes({ size: "0" })).toBe(0);
    expect(storageBytes({})).toBe(0);
  });

  test.each([
    ["foo", 'invalid storage option "foo"'],
    ["bar=1", "Unknown option bar"],
    ["size=x", 'Invalid argument "x" for "--storage-opt": invalid size'],
  ])("refuses %s", (text, says) => expect(() => parseStorage([text])).toThrow(says));
});
