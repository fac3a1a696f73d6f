import { expect, test } from "bun:test";
import { parseCPUs, parseMemory } from "./limits.ts";

test.each([
  ["64m", 67_108_864],
  ["64M", 67_108_864],
  ["64mb", 67_108_864],
  ["64MiB", 67_108_864],
  ["1.5g", 1_610_612_736],
  ["8388608", 8_388_608],
  ["8388608b", 8_388_608],
  ["10240k", 10_485_760],
])("parseMemory() reads %s as %d bytes", (text, bytes) => {
  expect(parseMemory(text)).toBe(bytes);
});

test.each(["", "m", "-1", "64x", "64 m m", "1e9", "0x10", "99999999999p", "NaN", "64m\n"])(
  "parseMemory() refuses %j",
  (text) => {
    expect(() => parseMemory(text)).toThrow("invalid size");
  },
);

test("parseMemory() refuses less than a process needs", () => {
  expect(() => parseMemory("5m")).toThrow("Minimum memory limit allowed is 6MB");
});

test.each([
  ["1", 100_000],
  ["1.5", 150_000],
  [".5", 50_000],
  ["0.01", 1000],
  ["2", 200_000],
])("parseCPUs() reads %s as a quota of %d", (text, quota) => {
  expect(parseCPUs(text, 2)).toEqual({ quota, period: 100_000 });
});

// Refused as too little, though docker's users write it for "no limit".
test.each(["0", "0m", "0.0"])("parseMemory() and parseCPUs() take %s for no limit", (text) => {
  expect(parseMemory(text)).toBeUndefined();
  if (text !== "0m") expect(parseCPUs(text, 2)).toBeUndefined();
});

test.each(["", "two", "1e1", "-1", "1/2"])("parseCPUs() refuses %j", (text) => {
  expect(() => parseCPUs(text, 2)).toThrow("failed to parse");
});

test.each(["0.001", "2.01"])("parseCPUs() refuses %s of 2 processors", (text) => {
  expect(() => parseCPUs(text, 2)).toThrow("from 0.01 to 2.00");
});
