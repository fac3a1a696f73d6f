import { expect, test } from "bun:test";
import { InvalidJSON, parseJSON } from "./json.ts";

const faults = [
  { says: "nothing", text: "", at: "line 1, column 1: found the end of the text, wants a value" },
  {
    says: "a cut object",
    text: '{"a":1',
    at: 'line 1, column 7: found the end of the text, wants a comma or "}"',
  },
  {
    says: "a trailing comma",
    text: '{\n  "a": 1,\n}',
    at: 'line 3, column 1: found "}", wants a name in quotes',
  },
  { says: "a missing comma", text: "[1 2]", at: 'line 1, column 4: found "2", wants a comma or "]"' },
  { says: "a missing colon", text: '{"a" 1}', at: 'line 1, column 6: found "1", wants a colon' },
  { says: "a bare word", text: '{"a": yes}', at: 'line 1, column 7: found "y", wants a value' },
  {
    says: "an open string",
    text: '["a\n"]',
    at: "line 1, column 4: found the end of the line, wants a string's next character or its closing quote",
  },
  {
    says: "a bad escape",
    text: '["\\x"]',
    at: 'line 1, column 3: found "\\\\", wants a string\'s next character or its closing quote',
  },
  { says: "text after the end", text: "{} {}", at: 'line 1, column 4: found "{", wants the end' },
  { says: "a comment", text: "{} // no", at: 'line 1, column 4: found "/", wants the end' },
  { says: "a leading zero", text: "[01]", at: 'line 1, column 3: found "1", wants a comma or "]"' },
];

test.each(faults)("parseJSON() points at $says", ({ text, at }) => {
  expect(() => parseJSON(text, "config.json")).toThrow(`Cannot read config.json: ${at}`);
});

test("parseJSON() throws its own error, never JSON.parse's, for any cut or changed character", () => {
  const text = JSON.stringify({ a: [1, -2.5e3, "x\n\u{1f6a2}", null, true, {}], b: { c: [] } });
  for (let i = 0; i < text.length; i++) {
    for (const broken of [
      text.slice(0, i),
      `${text.slice(0, i)}@${text.slice(i + 1)}`,
      `${text.slice(0, i)}\u0001${text.slice(i)}`,
    ]) {
      try {
        parseJSON(broken, "x");
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidJSON);
      }
    }
  }
});

test("parseJSON() keeps every digit of a 64-bit integer, and leaves other numbers as numbers", () => {
  expect(
    parseJSON('{"hard":18446744073709551615,"soft":1024,"min":-9223372036854775808,"half":0.5}', "x"),
  ).toEqual({
    hard: 18446744073709551615n,
    soft: 1024,
    min: -9223372036854775808n,
    half: 0.5,
  });
  expect(parseJSON("[9007199254740991]", "x")).toEqual([9007199254740991]);
});
