import { expect, test } from "bun:test";
import fc from "fast-check";
import { isTeuError } from "../../../base/index.ts";
import { readValues, type Value, Writer } from "./marshal.ts";
import { decodeMessage, encodeMessage, messageLength, messageTypes } from "./message.ts";
import { parseVariant } from "./variant-text.ts";

/** A type, and values of it. */
type Typed = readonly [signature: string, value: Value];

const text = fc.string().filter((value) => !value.includes("\0") && value.isWellFormed());
const leaf: fc.Arbitrary<Typed> = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map((value): Typed => ["y", value]),
  fc.integer({ min: -32768, max: 32767 }).map((value): Typed => ["n", value]),
  fc.integer({ min: 0, max: 65535 }).map((value): Typed => ["q", value]),
  fc.integer().map((value): Typed => ["i", value]),
  fc.nat().map((value): Typed => ["u", value]),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Typed => ["x", value]),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): Typed => ["t", value]),
  fc.double({ noNaN: true }).map((value): Typed => ["d", value]),
  fc.boolean().map((value): Typed => ["b", value]),
  text.map((value): Typed => ["s", value]),
);
const { any } = fc.letrec<{ any: Typed }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    leaf,
    tie("any").chain(([type, value]) =>
      fc.nat({ max: 3 }).map((count): Typed => [`a${type}`, Array.from({ length: count }, () => value)]),
    ),
    fc
      .array(tie("any"), { minLength: 1, maxLength: 3 })
      .map((all): Typed => [`(${all.map(([type]) => type).join("")})`, all.map(([, value]) => value)]),
    tie("any").map(([signature, value]): Typed => ["v", { signature, value }]),
  ),
}));

test("readValues() gives back what Writer wrote", () => {
  fc.assert(
    fc.property(fc.array(any, { maxLength: 4 }), (all) => {
      const signature = all.map(([type]) => type).join("");
      const values = all.map(([, value]) => value);
      const writer = new Writer();
      writer.write(signature, values);
      expect(readValues(writer.bytes, signature)).toEqual(values);
    }),
  );
});

/** The result, or an error of ours: never another, and never none. */
function isAnswered(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    return isTeuError(error);
  }
}

test("any bytes are a value or refused", () => {
  const signature = fc.string({ unit: fc.constantFrom(..."ybnqiuxtdsogva(){}r"), maxLength: 12 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 96 }), signature, (bytes, type) =>
      isAnswered(() => readValues(bytes, type)),
    ),
    { numRuns: 2000 },
  );
});

test("a message with any byte changed is a message or refused", () => {
  const fields = { path: "/a", member: "JobRemoved", signature: "uoss" };
  const whole = encodeMessage({
    type: messageTypes.signal,
    serial: 1,
    fields,
    body: [7, "/job", "a.scope", "done"],
  });
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const bytes = whole.slice();
      bytes[at] = byte;
      return isAnswered(() => decodeMessage(bytes.subarray(0, Math.min(bytes.length, messageLength(bytes)))));
    }),
    { numRuns: 2000 },
  );
});

test("any text is a variant or refused", () => {
  const piece = fc.constantFrom(
    ..."[]'\"\\@,.-x0159eaub ".split(""),
    "true",
    "uint64 ",
    "@as ",
    "byte ",
    "\\U0010ffff",
    "é",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) =>
      isAnswered(() => parseVariant(pieces.join(""), "x")),
    ),
    { numRuns: 2000 },
  );
});
