import { expect, test } from "bun:test";
import fc from "fast-check";
import { byteString } from "./byte-string.ts";
import { LayerNames, parseLayerName } from "./layer-name.ts";

const part = fc.constantFrom(
  "a",
  "b",
  "",
  ".",
  "..",
  ".wh.a",
  ".wh..wh..opq",
  ".wh.",
  ".wh..wh.plnk",
  "a.wh.b",
);
const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => byteString(parts.join("/")));
const outcome = (parse: () => unknown): unknown => {
  try {
    return parse();
  } catch (error) {
    return String(error);
  }
};

test("LayerNames reads each name as if it were the only one", () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), (names) => {
      const read = new LayerNames(false);
      for (const one of names)
        expect(outcome(() => read.parse(one))).toEqual(outcome(() => parseLayerName(one)));
    }),
  );
});

test("LayerNames refuses a name that is too long, also in the directory of the name before", () => {
  const read = new LayerNames(false);
  const folder = `${"d".repeat(200)}/`.repeat(19);
  expect(read.parse(byteString(`${folder}a`)).kind).toBe("entry");
  expect(() => read.parse(byteString(folder + "n".repeat(300)))).toThrow("its path is too long");
});
