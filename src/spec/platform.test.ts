import { expect, test } from "bun:test";
import {
  encodePlatform,
  InvalidPlatform,
  normalizePlatform,
  parsePlatform,
  platformLadder,
  platformOfProcessor,
  selectPlatform,
  suitsPlatform,
} from "./platform.ts";

test.each([
  ["linux/amd64", "linux/amd64"],
  ["amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/9.2", "linux/arm64/v9.2"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/6", "linux/arm/v6"],
  ["linux/armhf", "linux/arm/v7"],
  ["Linux/S390X", "linux/s390x"],
])("parsePlatform() spells %s as %s", (text, want) => {
  expect(encodePlatform(parsePlatform(text))).toBe(want);
});

test.each(["", "linux/", "/amd64", "a/b/c/d", "linux/am d64", "linux/amd64\n"])(
  "parsePlatform() refuses %j",
  (text) => expect(() => parsePlatform(text)).toThrow(InvalidPlatform),
);

test.each([
  ["linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]],
  ["linux/amd64", ["linux/amd64", "linux/386"]],
  ["linux/arm/v7", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
  ["linux/arm64", ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
  ["linux/riscv64", ["linux/riscv64"]],
] as const)("platformLadder() of %s", (text, want) => {
  expect(platformLadder(parsePlatform(text)).map(encodePlatform)).toEqual([...want]);
});

test("platformLadder() goes from arm64/v9.1 through v9, v8.6 and down", () => {
  const ladder = platformLadder(parsePlatform("linux/arm64/v9.1")).map(encodePlatform);
  expect(ladder.slice(0, 4)).toEqual([
    "linux/arm64/v9.1",
    "linux/arm64/v9",
    "linux/arm64/v8.6",
    "linux/arm64/v8.5",
  ]);
  expect(ladder).toContain("linux/arm64");
});

test("platformLadder() is short for a hostile variant", () => {
  expect(platformLadder({ os: "linux", architecture: "amd64", variant: "v999999999" })).toHaveLength(1);
});

const entry = (text: string, name = text) => ({ name, platform: parsePlatform(text) });

test("selectPlatform() takes the highest rung, and there the first entry", () => {
  const entries = [
    entry("linux/386"),
    entry("linux/amd64", "first"),
    entry("linux/amd64", "second"),
    entry("linux/amd64/v2"),
  ];
  expect(selectPlatform(entries, parsePlatform("amd64"))?.name).toBe("first");
  expect(selectPlatform(entries, parsePlatform("linux/amd64/v4"))?.name).toBe("linux/amd64/v2");
  expect(selectPlatform(entries.slice(0, 1), parsePlatform("amd64"))?.name).toBe("linux/386");
});

test("selectPlatform() finds nothing on another architecture or os, nor an attestation", () => {
  const unknown = { name: "attestation", platform: { os: "unknown", architecture: "unknown" } };
  expect(
    selectPlatform([unknown, entry("windows/amd64"), entry("linux/s390x")], parsePlatform("amd64")),
  ).toBeUndefined();
});

test.each([
  ["linux/amd64", "linux/amd64/v3", true],
  ["linux/386", "linux/amd64", true],
  ["linux/arm64/v8", "arm64", true],
  ["linux/amd64", "linux/arm64", false],
  ["linux/amd64/v3", "linux/amd64", false],
  ["windows/amd64", "linux/amd64", false],
])("suitsPlatform(): programs for %s run on %s: %p", (platform, wanted, want) => {
  expect(suitsPlatform(parsePlatform(platform), parsePlatform(wanted))).toBe(want);
});

const none = { name: "none", platform: undefined };
test("selectPlatform() takes an entry without a platform last", () => {
  expect(selectPlatform([none, entry("linux/amd64")], parsePlatform("amd64"))?.name).toBe("linux/amd64");
  expect(selectPlatform([none], parsePlatform("amd64"))?.name).toBe("none");
});

test("platformOfProcessor() knows Node's names", () => {
  expect(encodePlatform(platformOfProcessor("x64"))).toBe("linux/amd64");
  expect(encodePlatform(platformOfProcessor("arm64"))).toBe("linux/arm64");
});

test("normalizePlatform() keeps what it does not judge", () => {
  expect(normalizePlatform({ os: "windows", architecture: "amd64", "os.version": "10.0.1" })).toEqual({
    os: "windows",
    architecture: "amd64",
    "os.version": "10.0.1",
  });
});
