import { expect, test } from "bun:test";
import { parseChallenges } from "./challenge.ts";

test.each([
  ["", []],
  ["Basic", [["basic", {}]]],
  ['Basic realm="a b"', [["basic", { realm: "a b" }]]],
  [
    'Bearer realm="https://a.io/token",service="r.io",scope="repository:a:pull,push"',
    [["bearer", { realm: "https://a.io/token", service: "r.io", scope: "repository:a:pull,push" }]],
  ],
  [
    'Negotiate, BASIC Realm = "x" , Bearer realm=y,error="insufficient_scope"',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
      ["bearer", { realm: "y", error: "insufficient_scope" }],
    ],
  ],
  ['Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
  ['Bearer realm="unfinished', [["bearer", { realm: '"unfinished' }]]],
  ["realm=nobody", []],
  ["=", []],
])("parseChallenges() reads %j", (header, want) => {
  const found = parseChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
  expect(found).toEqual(want);
});
