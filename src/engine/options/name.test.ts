import { expect, test } from "bun:test";
import { makeID, makeName, parseName } from "./name.ts";

test.each(["web", "a1", "Web_1.x-y", "/web"])("parseName() takes %s", (text) => {
  expect(parseName(text)).toBe(text.replace("/", ""));
});

test.each(["", "a", "-web", ".web", "a b", "a/b", "//web", "wéb", "web\n"])(
  "parseName() refuses %j",
  (text) => {
    expect(() => parseName(text)).toThrow("Invalid container name");
  },
);

test("makeName() and makeID() make what is allowed", () => {
  for (let i = 0; i < 100; i++) {
    expect(parseName(makeName())).toMatch(/^[a-z]+_[a-z]+$/);
    expect(parseName(makeName(true))).toMatch(/^[a-z]+_[a-z]+_[0-9a-f]{8}$/);
    expect(makeID()).toMatch(/^[0-9a-f]{64}$/);
  }
});
