import { expect, test } from "bun:test";
import { parseLink } from "./link.ts";

test.each([
  ["db", "db", "db"],
  ["db:alias", "db", "alias"],
  ["/db:/web/alias", "db", "alias"],
])("parseLink() reads %p", (text, target, alias) => expect(parseLink(text)).toEqual({ target, alias }));

test.each(["", ":", ":a", "db:", "a:b:c", "db:a b", "db:a\n1.2.3.4 bank", "db:A=b", "db:#", "/db:/web/"])(
  "parseLink() refuses %p",
  (text) => expect(() => parseLink(text)).toThrow(/links/),
);
