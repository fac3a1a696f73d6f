/** Classes of service in a directory that looks like resctrl, since few machines have one. The clauses: config-linux.md, IntelRdt. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IntelRdt } from "../../spec/index.ts";
import { encodeStats } from "../cgroup/stats/shape.ts";
import { validateIntelRdt } from "../validate-rdt.ts";
import {
  createResctrl,
  enterResctrl,
  findResctrl,
  planResctrl,
  type ResctrlGroup,
  removeResctrl,
  updateResctrl,
} from "./group.ts";
import { firstMismatch } from "./schemata.ts";
import { readResctrlStats } from "./stats.ts";

let root = "";
const roots: string[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "teu-resctrl-"));
  roots.push(root);
  files("", { schemata: "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n", tasks: "" });
  files("info/L3", { cbm_mask: "7ff\n", min_cbm_bits: "1\n", num_closids: "4\n" });
  files("info/MB", {
    bandwidth_gran: "10\n",
    delay_linear: "1\n",
    min_bandwidth: "10\n",
    num_closids: "8\n",
  });
  files("info", { last_cmd_status: "ok\n" });
});
afterAll(() => {
  for (const folder of roots) rmSync(folder, { recursive: true });
});

function files(folder: string, content: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of Object.entries(content)) writeFileSync(join(root, folder, name), text);
}

const read = (...path: string[]): string => readFileSync(join(root, ...path), "utf8");

function create(rdt: IntelRdt): ResctrlGroup {
  const plan = planResctrl(rdt, "box", () => root);
  if (plan === undefined) throw new Error("nothing planned");
  return createResctrl(plan);
}

/** The kernel's rmdir takes a group with its files; a plain directory has to be emptied first. */
function remove(group: ResctrlGroup): void {
  for (const directory of [group.path, group.monitor ?? ""])
    if (directory !== root && existsSync(directory))
      for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  removeResctrl(group);
}

test("without closID the class has the container's ID, its schemata in order, its process, and goes with it", () => {
  const group = create({ schemata: ["L2:0=f"], memBwSchema: "MB:0=20", l3CacheSchema: "L3:0=f" });
  expect(read("box/schemata")).toBe("L3:0=f\nMB:0=20\nL2:0=f\n");
  enterResctrl(group, 42);
  expect(read("box/tasks")).toBe("42");
  remove(group);
  expect(existsSync(join(root, "box"))).toBe(false);
});

test("without schemata none are written", () => {
  create({});
  expect(readdirSync(join(root, "box"))).toEqual([]);
});

test("a class of the container's ID that was there is used, and stays", () => {
  files("box", { tasks: "", schemata: "" });
  const group = create({ l3CacheSchema: "L3:0=f" });
  expect(read("box/schemata")).toBe("L3:0=f\n");
  remove(group);
  expect(existsSync(join(root, "box"))).toBe(true);
});

test("closID names a class that is made if it has schemata, and stays", () => {
  const group = create({ closID: "guaranteed", l3CacheSchema: "L3:0=f" });
  expect(read("guaranteed/schemata")).toBe("L3:0=f\n");
  remove(group);
  expect(existsSync(join(root, "guaranteed"))).toBe(true);
});

test("closID without schemata must be there", () => {
  expect(() => create({ closID: "missing" })).toThrow("must be pre-created");
  expect(existsSync(join(root, "missing"))).toBe(false);
  files("there", { tasks: "", schemata: "L3:0=1\n" });
  enterResctrl(create({ closID: "there" }), 7);
  expect(read("there/tasks")).toBe("7");
  expect(read("there/schemata")).toBe("L3:0=1\n");
});

test("closID that is there must say what the document says, and is not written", () => {
  const text = "    MB:0= 20;1= 70\n    L3:0=0F;1=7ff\n";
  files("there", { tasks: "", schemata: text });
  create({ closID: "there", l3CacheSchema: "L3:0=f", schemata: ["MB:1=70;0=20"] });
  expect(read("there/schemata")).toBe(text);
  expect(() => create({ closID: "there", schemata: ["MB:0=20", "L3:0=f;1=3"] })).toThrow(
    'the class exists, and does not say "L3:0=f;1=3"',
  );
});

test('closID "/" is the class of all', () => {
  const group = create({ closID: "/" });
  enterResctrl(group, 9);
  expect(read("tasks")).toBe("9");
  remove(group);
  expect(existsSync(join(root, "info"))).toBe(true);
});

test("enableMonitoring makes a group in the class, for the container alone", () => {
  files("there", { tasks: "", schemata: "" });
  files("there/mon_groups", {});
  const group = create({ closID: "there", enableMonitoring: true });
  enterResctrl(group, 5);
  expect(read("there/mon_groups/box/tasks")).toBe("5");
  expect(read("there/tasks")).toBe("5");
  for (const name of readdirSync(group.monitor ?? "")) rmSync(join(group.monitor ?? "", name));
  removeResctrl(group);
  expect(existsSync(group.monitor ?? "")).toBe(false);
  expect(existsSync(join(root, "there"))).toBe(true);
});

test("what the kernel refuses is told with its own words, and nothing is left", () => {
  files("info", { last_cmd_status: "Out of CLOSIDs\n" });
  // No mon_groups, so the second directory cannot be made.
  expect(() => create({ enableMonitoring: true })).toThrow(
    `Cannot set linux.intelRdt.enableMonitoring: ${root}/box/mon_groups/box: ENOENT, last_cmd_status: Out of CLOSIDs`,
  );
  expect(existsSync(join(root, "box"))).toBe(false);
});

test("planResctrl() refuses what the kernel has not", () => {
  expect(planResctrl(undefined, "box", () => undefined)).toBeUndefined();
  expect(() => planResctrl({}, "box", () => undefined)).toThrow("Intel RDT is not enabled");
  rmSync(join(root, "info"), { recursive: true });
  expect(() => create({ l3CacheSchema: "L3:0=f" })).toThrow("Intel RDT/CAT is not enabled");
  expect(() => create({ memBwSchema: "MB:0=20" })).toThrow("Intel RDT/MBA is not enabled");
});

test("updateResctrl() writes to the container's class, and makes none", () => {
  const group = create({ l3CacheSchema: "L3:0=f" });
  updateResctrl(group, { memBwSchema: "MB:0=30" }, () => root);
  expect(read("box/schemata")).toBe("MB:0=30\n");
  updateResctrl(undefined, {}, () => root);
  expect(() => updateResctrl(undefined, { memBwSchema: "MB:0=30" }, () => root)).toThrow(
    "updating a non-existent Intel RDT configuration is not supported",
  );
  expect(() => updateResctrl(group, { l3CacheSchema: "L3:0=f" }, () => undefined)).toThrow(
    "CAT is not enabled",
  );
});

test("findResctrl() finds the mount", () => {
  expect(
    findResctrl("1 2 0:3 / /proc rw - proc proc rw\n4 2 0:5 / /sys/fs/resctrl rw - resctrl resctrl rw\n"),
  ).toBe("/sys/fs/resctrl");
  expect(findResctrl("1 2 0:3 / /resctrl rw - tmpfs resctrl rw\n")).toBeUndefined();
});

test("firstMismatch() compares values, not spelling", () => {
  expect(firstMismatch(["L3:0=00F"], "L3:0=f;1=ff")).toBeUndefined();
  expect(firstMismatch(["L3:0=0"], "L3:0=000")).toBeUndefined();
  expect(firstMismatch(["L3CODE:0=f"], "L3:0=f")).toBe("L3CODE:0=f");
  expect(firstMismatch(["nonsense"], "L3:0=f")).toBe("nonsense");
});

test.each([
  [{ closID: ".." }, "linux.intelRdt.closID"],
  [{ closID: "a/b" }, "linux.intelRdt.closID"],
  [{ closID: "info" }, "linux.intelRdt.closID"],
  [{ l3CacheSchema: "L3:0=f\nMB:0=1" }, "linux.intelRdt.l3CacheSchema"],
  [{ memBwSchema: "L3:0=f" }, "linux.intelRdt.memBwSchema"],
  [{ schemata: ["L3:0=f", "a\nb"] }, "linux.intelRdt.schemata[1]"],
])("validateIntelRdt() of %j", (rdt, field) => {
  expect(validateIntelRdt(rdt).map((issue) => issue.field)).toEqual([field]);
  expect(validateIntelRdt({ closID: "/", l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=1" })).toEqual([]);
});

test("readResctrlStats() has runc's shape", () => {
  files("info/L3_MON", { mon_features: "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n" });
  const group = create({ l3CacheSchema: "L3:0=f" });
  files("box/mon_data/mon_L3_00", { llc_occupancy: "5\n", mbm_total_bytes: "9\n", mbm_local_bytes: "8\n" });
  expect(JSON.parse(encodeStats(readResctrlStats(group)))).toEqual({
    l3_cache_info: { cbm_mask: "7ff", min_cbm_bits: 1, num_closids: 4 },
    l3_cache_schema_root: "L3:0=7ff;1=7ff",
    l3_cache_schema: "L3:0=f",
    mem_bw_info: { bandwidth_gran: 10, delay_linear: 1, min_bandwidth: 10, num_closids: 8 },
    mem_bw_schema_root: "MB:0=100;1=100",
    schemata: ["L3:0=f"],
    mbm_stats: [{ mbm_total_bytes: 9, mbm_local_bytes: 8 }],
    cmt_stats: [{ llc_occupancy: 5 }],
  });
  expect(readResctrlStats(undefined)).toEqual({});
});
