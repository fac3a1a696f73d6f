import { expect, test } from "bun:test";
import {
  parseAssignments,
  parseEnvironmentFile,
  parseHost,
  parseResolver,
  parseTmpfs,
  parseUlimit,
} from "./assignment.ts";

test("parseAssignments() takes the last of a name, and a value with = in it", () => {
  expect(parseAssignments("--label", ["a=1", "b", "a=2=3"], false)).toEqual({ a: "2=3", b: "" });
  expect(() => parseAssignments("--sysctl", ["net.x"], true)).toThrow(
    'Invalid sysctl "net.x": wants NAME=VALUE',
  );
  expect(() => parseAssignments("--label", ["=x"], false)).toThrow('Invalid label "=x"');
});

test("parseEnvironmentFile() leaves comments and empty lines out, and values as they are", () => {
  expect(parseEnvironmentFile('\uFEFFA=1\r\n# no\n\n  B="two" # part of it\nC\n')).toEqual([
    "A=1",
    'B="two" # part of it',
    "C",
  ]);
});

const limits = [
  { text: "nofile=1024", want: { type: "RLIMIT_NOFILE", soft: 1024, hard: 1024 } },
  { text: "nofile=1024:2048", want: { type: "RLIMIT_NOFILE", soft: 1024, hard: 2048 } },
  { text: "core=0:-1", want: { type: "RLIMIT_CORE", soft: 0, hard: 2n ** 64n - 1n } },
];
test.each(limits)("parseUlimit($text)", ({ text, want }) => expect(parseUlimit(text)).toEqual(want as never));

const refused: [text: string, parse: (text: string) => unknown][] = [
  ["nofile=2:1", parseUlimit],
  ["nofile", parseUlimit],
  ["files=1", parseUlimit],
  ["db", parseHost],
  ["db:nowhere", parseHost],
  ["resolver", parseResolver],
  ["relative", parseTmpfs],
  ["/", parseTmpfs],
];
test.each(refused)("%p is refused, and named", (text, parse) => expect(() => parse(text)).toThrow(text));

test("parseHost() takes both of docker's forms, IPv6, and docker's word for this machine", () => {
  const texts = ["db:10.0.0.1", "db=::1", "db:[::1]", "up:host-gateway"];
  expect(texts.map(parseHost)).toEqual([
    { name: "db", address: "10.0.0.1" },
    { name: "db", address: "::1" },
    { name: "db", address: "::1" },
    { name: "up", address: "host-gateway" },
  ]);
});

test("parseTmpfs() has docker's options, then those that are asked for", () => {
  expect(parseTmpfs("/run/x/:size=1m,exec")).toEqual({
    destination: "/run/x" as never,
    options: ["noexec", "nosuid", "nodev", "size=1m", "exec"],
  });
});
