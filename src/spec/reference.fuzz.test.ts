import { expect, test } from "bun:test";
import fc from "fast-check";
import { hasCode } from "../base/index.ts";
import { encodeReference, familiarReference, parseReference, type Reference } from "./reference.ts";

const piece = fc.constantFrom(
  ...[
    "a",
    "b0",
    "library",
    "docker.io",
    "index.docker.io",
    "localhost",
    "r.io:5000",
    "[::1]",
    "[::1]:80",
    "A",
    "..",
    "_",
    "--",
  ],
  ...[
    "/",
    "/",
    ":",
    "@",
    ".",
    "-",
    "__",
    "latest",
    "sha256:",
    "0".repeat(64),
    `sha256:${"f".repeat(64)}`,
    " ",
    "\n",
    "é",
    "%2f",
  ],
);

test("parseReference() gives a reference that its spellings name again, or says that there is none", () => {
  let parsed = 0;
  const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(""));
  const property = fc.property(text, (text) => {
    let reference: Reference;
    try {
      reference = parseReference(text);
    } catch (error) {
      expect(hasCode(error, "invalid-reference")).toBe(true);
      return;
    }
    parsed += 1;
    expect(parseReference(encodeReference(reference))).toEqual(reference);
    expect(parseReference(familiarReference(reference))).toEqual(reference);
    expect(reference.repository).not.toMatch(/[\s%:@]|\.\.|\/\/|^\/|\/$/);
  });
  fc.assert(property, { numRuns: 3000 });
  // Else the property has looked at nothing.
  expect(parsed).toBeGreaterThan(50);
});
