import { describe, expect, test } from "bun:test";
import { encodeAnswer, encodeMalformed, encodeRefusal, parseQuery, type Query, rcode } from "./message.ts";

/** A query for `name`, byte by byte as resolvers send it. */
function queryFor(name: string, type = 1, { flags = 0x0100, questions = 1, recordClass = 1 } = {}): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x1234, 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(questions, 4);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.of(0, type >> 8, type, 0, recordClass)]);
}

describe("parseQuery()", () => {
  test("reads the one question, in lower case", () => {
    expect(parseQuery(queryFor("DataBase.Backend", 28))).toMatchObject({
      ...{ id: 0x1234, name: "database.backend", type: 28, wantsRecursion: true },
    });
  });

  const cases: { says: string; message: Uint8Array; want: number | undefined }[] = [
    { says: "nothing", message: Buffer.alloc(0), want: undefined },
    { says: "half a header", message: queryFor("a").subarray(0, 11), want: undefined },
    { says: "an answer", message: queryFor("a", 1, { flags: 0x8100 }), want: undefined },
    { says: "an update", message: queryFor("a", 1, { flags: 0x2800 }), want: rcode.notImplemented },
    { says: "no question", message: queryFor("a", 1, { questions: 0 }), want: rcode.formatError },
    { says: "two questions", message: queryFor("a", 1, { questions: 2 }), want: rcode.formatError },
    { says: "another class", message: queryFor("a", 1, { recordClass: 3 }), want: rcode.refused },
    { says: "half a name", message: queryFor("abcdef").subarray(0, 16), want: rcode.formatError },
    { says: "half a question", message: queryFor("a").subarray(0, 17), want: rcode.formatError },
    {
      says: "a name that points to itself",
      message: Buffer.concat([queryFor("a").subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]),
      want: rcode.formatError,
    },
    {
      says: "a name that is too long",
      message: queryFor(Array.from({ length: 60 }, () => "label").join(".")),
      want: rcode.formatError,
    },
  ];
  test.each(cases)("refuses $says", ({ message, want }) => expect(parseQuery(message)).toBe(want as number));

  test("ends for any bytes, and what it reads can be answered", () => {
    const base = queryFor("some.name.of.a.container");
    for (let round = 0; round < 20_000; round++) {
      const message = Uint8Array.from(base.subarray(0, 12 + (round % (base.length - 11))));
      for (let change = 0; change < round % 4; change++)
        message[Math.floor(Math.random() * message.length)] = Math.floor(Math.random() * 256);
      const query = parseQuery(message);
      if (typeof query === "object")
        expect(encodeRefusal(query, rcode.serverFailure).length).toBeGreaterThan(16);
      else if (query !== undefined) expect(encodeMalformed(message, query).length).toBe(12);
    }
  });
});

test("encodeAnswer() repeats the question and points each record to it", () => {
  const query = parseQuery(queryFor("db")) as Query;
  const answer = encodeAnswer(query, [{ type: "a", address: Uint8Array.of(10, 0, 0, 2) }]);
  expect(Buffer.from(answer).toString("hex")).toBe(
    "12348180000100010000000002646200000100" + "01c00c00010001000000050004" + "0a000002",
  );
  expect(Buffer.from(encodeAnswer(query, [{ type: "ptr", name: "db.net" }])).toString("hex")).toEndWith(
    "c00c000c0001000000050008" + "026462036e657400",
  );
});
