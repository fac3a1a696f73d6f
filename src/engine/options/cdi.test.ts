import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCDIName, resolveCDI } from "./cdi.ts";

let early: string;
let late: string;
beforeEach(() => {
  [early, late] = [mkdtempSync(join(tmpdir(), "teu-cdi-")), mkdtempSync(join(tmpdir(), "teu-cdi-"))];
});
afterEach(() => {
  for (const folder of [early, late]) rmSync(folder, { recursive: true });
});

const resolve = (...names: string[]) => resolveCDI(names, [early, late]);
/** A file of `v.test/c` with one device and what is done for it. */
const write = (folder: string, name: string, containerEdits: object, more: object = {}) => {
  const devices = [{ name: "x", containerEdits }];
  writeFileSync(
    join(folder, name),
    JSON.stringify({ cdiVersion: "0.6.0", kind: "v.test/c", devices, ...more }),
  );
};

test.each([
  ["v.test/c=x", true],
  ["nvidia.com/gpu=GPU-0:1", true],
  ["/dev/null", false],
  ["/dev/a=b", false],
  ["v.test/c=", false],
  ["v.test=x", false],
  ["v.test/c=-x", false],
])("isCDIName() of %s is %p", (text, is) => expect(isCDIName(text)).toBe(is));

test("resolveCDI() gives everything that a file can say", () => {
  write(early, "a.json", {
    env: ["A=1"],
    deviceNodes: [
      { path: "/dev/n", hostPath: "/dev/null", permissions: "r", uid: 5, gid: 6, fileMode: 0o600 },
      { path: "/dev/made", type: "b", major: 7, minor: 8 },
    ],
    mounts: [
      { hostPath: "/etc", containerPath: "/e", options: ["ro", "bind"] },
      { hostPath: "tmpfs", containerPath: "/t", type: "tmpfs", options: [] },
    ],
    hooks: [{ hookName: "createContainer", path: "/bin/true", args: ["true"], timeout: 3 }],
    additionalGids: [0, 44],
  });
  expect(resolve("v.test/c=x")).toEqual({
    environment: ["A=1"],
    nodes: [
      { path: "/dev/n", type: "c", major: 1, minor: 3, fileMode: 0o600, uid: 5, gid: 6 },
      { path: "/dev/made", type: "b", major: 7, minor: 8, fileMode: 0o666 },
    ],
    rules: [
      { allow: true, type: "c", major: 1, minor: 3, access: "r" },
      { allow: true, type: "b", major: 7, minor: 8, access: "rwm" },
    ],
    mounts: [
      { destination: "/e", source: "/etc", type: "bind", options: ["ro", "bind"] },
      { destination: "/t", source: "tmpfs", type: "tmpfs", options: [] },
    ] as ReturnType<typeof resolve>["mounts"],
    hooks: { createContainer: [{ path: "/bin/true", args: ["true"], timeout: 3 }] },
    gids: [44],
  });
});

test("resolveCDI() reads YAML, prefers the later folder, and does what is asked for twice once", () => {
  write(early, "a.json", { env: ["A=early"] });
  writeFileSync(
    join(late, "b.yaml"),
    "cdiVersion: 1.0.0\nkind: v.test/c\ncontainerEdits: {env: [ALL=1]}\ndevices:\n- name: x\n  containerEdits:\n    env: [A=late]\n",
  );
  expect(resolve("v.test/c=x", "v.test/c=x").environment).toEqual(["ALL=1", "A=late"]);
});

test("resolveCDI() refuses a device that two files of one folder describe, and names both", () => {
  write(early, "a.json", { env: ["A=1"] });
  write(early, "b.json", { env: ["A=2"] });
  expect(() => resolve("v.test/c=x")).toThrow(
    `conflicting device v.test/c=x: it is in ${early}/a.json and in ${early}/b.json`,
  );
});

test.each<[string, object, object, string]>([
  ["no version", {}, { cdiVersion: undefined }, "cdiVersion: found nothing"],
  ["a version of tomorrow", {}, { cdiVersion: "9.0.0" }, 'cdiVersion: found "9.0.0", wants a version'],
  ["a bad kind", {}, { kind: "c" }, 'kind: found "c", wants VENDOR/CLASS'],
  ["devices that are none", {}, { devices: [null] }, "devices[0]: found null"],
  ["a device twice", {}, { devices: Array(2).fill({ name: "x", containerEdits: {} }) }, "found x again"],
  ["a variable without value", { env: ["A"] }, {}, 'containerEdits.env[0]: found "A", wants NAME=VALUE'],
  ["a node that is nowhere", { deviceNodes: [{ path: "dev" }] }, {}, 'path: found "dev", wants an absolute'],
  ["bad permissions", { deviceNodes: [{ path: "/d", permissions: "x" }] }, {}, "wants letters of rwm"],
  ["a mount without source", { mounts: [{ containerPath: "/a" }] }, {}, "hostPath: found nothing"],
  ["an unknown hook", { hooks: [{ hookName: "x", path: "/x" }] }, {}, "hooks[0].hookName: "],
  ["a hook without program", { hooks: [{ hookName: "poststop", path: "x" }] }, {}, "wants an absolute path"],
  ["a group below zero", { additionalGids: [-1] }, {}, "additionalGids[0]"],
])("resolveCDI() names a file with %s", (_, edits, more, says) => {
  write(early, "bad.json", edits, more);
  expect(() => resolve("v.test/c=x")).toThrow(`${early}/bad.json`);
  expect(() => resolve("v.test/c=x")).toThrow(says);
});

test("resolveCDI() names broken JSON and YAML, and lets no file that is not asked for stand in the way", () => {
  write(early, "good.json", { env: ["A=1"] });
  writeFileSync(join(early, "bad.json"), "{");
  writeFileSync(join(late, "bad.yml"), "a: [");
  writeFileSync(join(late, "note.txt"), "{");
  expect(resolve("v.test/c=x").environment).toEqual(["A=1"]);
  expect(() => resolve("v.test/c=y")).toThrow(/bad\.json.*bad\.yml/s);
});

test("resolveCDI() refuses what is not built, and nodes that are not there", () => {
  write(early, "a.json", { intelRdt: { closID: "x" } });
  expect(() => resolve("v.test/c=x")).toThrow("Unsupported intelRdt of CDI devices v.test/c=x");
  write(early, "a.json", { deviceNodes: [{ path: "/dev/nothing-of-the-kind" }] });
  expect(() => resolve("v.test/c=x")).toThrow("device node /dev/nothing-of-the-kind is not on this machine");
});
