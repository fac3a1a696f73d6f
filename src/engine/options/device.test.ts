import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDevice, parseDeviceRule } from "./device.ts";

const NULL = { type: "c", major: 1, minor: 3 } as const;

test.each([
  ["/dev/null", "/dev/null", "rwm"],
  ["/dev/null:/dev/x", "/dev/x", "rwm"],
  ["/dev/null:r", "/dev/null", "r"],
  ["/dev/null::rw", "/dev/null", "rw"],
  ["/dev/null:/dev/x:m", "/dev/x", "m"],
])("parseDevice() reads %s", (text, path, access) => {
  const { nodes, rules } = parseDevice(text);
  expect(nodes).toEqual([expect.objectContaining({ path, ...NULL })]);
  expect(rules).toEqual([{ allow: true, ...NULL, access }]);
});

test("parseDevice() of a directory is every device below it", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-device-"));
  mkdirSync(join(folder, "below"));
  symlinkSync("/dev/null", join(folder, "below/a"));
  symlinkSync("/nothing", join(folder, "b"));
  writeFileSync(join(folder, "c"), "");
  const { nodes, rules } = parseDevice(`${folder}:/dev/other:rw`);
  expect(nodes).toEqual([expect.objectContaining({ path: "/dev/other/below/a", ...NULL })]);
  expect(rules).toEqual([{ allow: true, ...NULL, access: "rw" }]);
  rmSync(folder, { recursive: true });
});

test.each([
  ["null", "paths being absolute"],
  ["/dev/null:x", "paths being absolute"],
  ["/dev/null:/dev/x:rwx", "invalid mode: rwx"],
  ["/dev/null:/dev/x:", "invalid mode: "],
  ["/dev/null:/dev/x:r:w", "paths being absolute"],
  ["/dev/nothing-of-the-kind", "no such file or directory"],
  ["/etc/passwd", "not a device node"],
])("parseDevice() refuses %s: %s", (text, why) => expect(() => parseDevice(text)).toThrow(why));

test.each([
  ["c 189:* rwm", { allow: true, type: "c", major: 189, access: "rwm" }],
  ["b *:7 r", { allow: true, type: "b", minor: 7, access: "r" }],
  ["a *:* m", { allow: true, type: "a", access: "m" }],
])("parseDeviceRule() reads %s", (text, want) =>
  expect(parseDeviceRule(text)).toEqual(want as ReturnType<typeof parseDeviceRule>),
);

test.each(["", "c", "c 1:3", "x 1:3 r", "c 1 r", "c -1:3 r", "c 1:3 x", "c 1:3 rwmr", "c 1:3 r "])(
  "parseDeviceRule() refuses %p",
  (text) => expect(() => parseDeviceRule(text)).toThrow(`invalid device cgroup format '${text}'`),
);
