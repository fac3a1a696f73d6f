import { expect, test } from "bun:test";
import { encodeDistributionErrors, parseDistributionErrors } from "./distribution-error.ts";

test("parseDistributionErrors() reads what encodeDistributionErrors() wrote", () => {
  const errors = [{ code: "NAME_UNKNOWN", message: "repository name not known", detail: { name: "a" } }];
  expect(parseDistributionErrors(encodeDistributionErrors(errors))).toEqual(errors);
});

test.each(["", "<html>", "null", "[]", "{}", '{"errors":null}', '{"errors":[1,null,"x"]}'])(
  "parseDistributionErrors() finds no entries in %j",
  (text) => {
    expect(parseDistributionErrors(text)).toEqual([]);
  },
);

test("parseDistributionErrors() drops terminal commands and caps what a stranger says", () => {
  const [entry] = parseDistributionErrors(
    JSON.stringify({ errors: [{ code: "X\u001b[2J", message: `a\u001b]0;title\u0007${"b".repeat(5000)}` }] }),
  );
  expect(entry?.code).toBe("X [2J");
  expect(entry?.message).not.toContain("\u001b");
  expect(entry?.message?.length).toBe(1024);
});
