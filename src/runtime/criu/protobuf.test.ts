/** The wire format, against bytes that other implementations write, and against bytes that nobody should. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeMessage, Fields } from "./protobuf.ts";

const hex = (text: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Uint8Array.fromHex(text.replaceAll(" ", "")));

describe("encodeMessage()", () => {
  test.each([
    // The first two are the examples of the encoding's own description.
    { says: "a number", message: { a: 150 }, table: { a: 1 }, want: "08 96 01" },
    { says: "a text", message: { b: "testing" }, table: { b: 2 }, want: "12 07 74 65 73 74 69 6e 67" },
    { says: "yes and no", message: { a: true, b: false }, table: { a: 1, b: 2 }, want: "08 01 10 00" },
    {
      says: "a negative number as ten bytes",
      message: { a: -1 },
      table: { a: 1 },
      want: "08 ff ff ff ff ff ff ff ff ff 01",
    },
    { says: "a field above 15", message: { a: 1 }, table: { a: 50 }, want: "90 03 01" },
  ])("$says", ({ message, table, want }) => {
    // The rows have different shapes, of which the compiler sees the union.
    expect(encodeMessage<Record<string, string | number | boolean>>(message, table)).toEqual(hex(want));
  });

  test("messages in messages, repeated, and texts, repeated", () => {
    const message = { inner: [{ key: "a" }, { key: "b" }], one: { n: 3 }, words: ["x", "y"] };
    const table = { inner: [23, { key: 1 }], one: [11, { n: 1 }], words: 37 } as const;
    expect(encodeMessage(message, table)).toEqual(
      hex("ba 01 03 0a 01 61  ba 01 03 0a 01 62  5a 02 08 03  aa 02 01 78  aa 02 01 79"),
    );
  });
});

describe("Fields", () => {
  test("reads what is there, passes over what it is not asked for, and lets the last of a field count", () => {
    const fields = new Fields(
      hex("08 01 08 07 12 02 68 69 1d 01 02 03 04 21 01 02 03 04 05 06 07 08 32 02 08 05"),
    );
    expect([fields.number(1), fields.boolean(1), fields.text(2)]).toEqual([7, true, "hi"]);
    expect([fields.number(2), fields.text(1), fields.number(9)]).toEqual([undefined, undefined, undefined]);
    expect(fields.message(6)?.number(1)).toBe(5);
  });

  test.each([
    { says: "a number without an end", bytes: "08", want: "it ends within a number" },
    { says: "a number that goes on", bytes: `08 ${"ff ".repeat(10)} 01`, want: "a number has no end" },
    { says: "a text longer than the message", bytes: "12 05 61", want: "it ends within a field" },
    {
      says: "a length of 64 bits",
      bytes: "12 ff ff ff ff ff ff ff ff ff 01 61",
      want: "it ends within a field",
    },
    { says: "half a fixed number", bytes: "1d 01 02", want: "it ends within a field" },
    { says: "a group, which is no longer used", bytes: "0b 0c", want: "unknown type 3" },
  ])("refuses $says", ({ bytes, want }) => {
    expect(() => new Fields(hex(bytes))).toThrow(want);
  });

  test("of any bytes at all it says that they are no message, or reads them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          new Fields(bytes).number(1);
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid-criu-message" });
        }
      }),
    );
  });

  test("reads any number and text that encodeMessage wrote", () => {
    const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(int32, fc.string({ unit: "grapheme" }), (number, text) => {
        const fields = new Fields(encodeMessage({ number, text }, { number: 3, text: 4 }));
        expect([fields.number(3), fields.text(4)]).toEqual([number, text]);
      }),
    );
  });
});
