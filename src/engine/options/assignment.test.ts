import { expect, test } from "bun:test";
import {
  parseAssignments,
  parseEnvironmentFile,
  parseHost,
  parseHostname,
  parseResolver,
  parseResolverOption,
  parseSearchDomain,
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
  expect(parseEnvironmentFile(Buffer.from('\uFEFFA=1\r\n# no\n\n  B="two" # part of it\nC\n'), "f")).toEqual([
    "A=1",
    'B="two" # part of it',
    "C",
  ]);
});

test.each([
  ["=x", "no variable name on line '=x'"],
  ["a b=1", "variable 'a b' contains whitespaces"],
  ["export A=1", "variable 'export A' contains whitespaces"],
  ["C =1", "variable 'C ' contains whitespaces"],
])("parseEnvironmentFile() refuses %s", (line, why) =>
  expect(() => parseEnvironmentFile(Buffer.from(`A=1\n${line}\n`), "f")).toThrow(
    `invalid env file (f): ${why}`,
  ),
);

test("names for /etc/hosts and resolv.conf are one word: a further line there would be somebody's answer", () => {
  for (const name of ["web", "web.example", "a_b!c", "x".repeat(64)])
    expect(parseHostname(name, "--hostname")).toBe(name);
  for (const name of ["a b", "a\n192.0.2.1 bank.example", "a\0", "x".repeat(65), "ü".repeat(33)])
    expect(() => parseHostname(name, "--domainname")).toThrow("Invalid domainname");
  for (const name of [".", "example", "a.b-c.example.", "_dns.x"]) expect(parseSearchDomain(name)).toBe(name);
  for (const name of ["", "a b", "a..b", "a\nnameserver 192.0.2.66"])
    expect(() => parseSearchDomain(name)).toThrow("is not a valid domain");
  expect(parseResolverOption("ndots:3")).toBe("ndots:3");
  for (const option of ["", "a b", "x\nnameserver 192.0.2.66"])
    expect(() => parseResolverOption(option)).toThrow("Invalid dns-option");
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

// A replacement for what could not be read was given to the program as its value.
test("parseEnvironmentFile() refuses what is no UTF-8", () =>
  expect(() => parseEnvironmentFile(Buffer.from([65, 61, 0xff]), "f")).toThrow(
    "invalid env file (f): it is no UTF-8",
  ));
