import { expect, test } from "bun:test";
import { PlanBuilder } from "../plan/builder.ts";
import { printPlan } from "../plan/print.ts";
import { compileKeyring } from "./keyring.ts";
import { compileLabels, labelData, labellingKeys, labelSlot } from "./labels.ts";

const PROCESS = { user: { uid: 0, gid: 0 }, cwd: "/" };

test("compileLabels() writes through the parent's procfs and by no path of the container (2019-16884, 2025-52881)", () => {
  const plan = new PlanBuilder();
  const process = { ...PROCESS, apparmorProfile: "docker-default" };
  compileLabels(plan, labelSlot(plan, process), process);
  // RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH
  expect(printPlan(plan.finish()).split("\n")).toEqual([
    "process.apparmorProfile                           config.md, process.apparmorProfile",
    '     0  r20 = openat2(5, "self/attr/apparmor/exec", {flags=02000001, resolve=0xb}, 24)  ENOENT: to 4',
    '     1  write(r20, "exec docker-default", 19)',
    "     2  close(r20)",
    "     3  close(5)",
    '     4  r20 = openat2(5, "self/attr/exec", {flags=02000001, resolve=0xb}, 24)',
    "     5  to 1",
    "inherited descriptors",
    "     5  fsmount(proc)",
    "",
  ]);
});

test("compileLabels() writes an SELinux label, and labellingKeys() has keys made under it", () => {
  const plan = new PlanBuilder();
  const process = { ...PROCESS, selinuxLabel: "u:r:t" };
  const slot = labelSlot(plan, process);
  labellingKeys(plan, slot, process, () => compileKeyring(plan, "web", { inUserNamespace: false }));
  compileLabels(plan, slot, process);
  const lines = printPlan(plan.finish()).split("\n");
  expect(lines.filter((line) => /attr|write|keyctl/.test(line)).map((line) => line.slice(8))).toEqual([
    'r20 = openat2(5, "self/attr/keycreate", {flags=02000001, resolve=0xb}, 24)',
    'write(r20, "u:r:t", 5)',
    expect.stringContaining('r20 = keyctl(1, "_ses.web")'),
    expect.stringContaining("keyctl(5, "),
    'r20 = openat2(5, "self/attr/keycreate", {flags=02000001, resolve=0xb}, 24)',
    'write(r20, "")',
    'r20 = openat2(5, "self/attr/exec", {flags=02000001, resolve=0xb}, 24)',
    'write(r20, "u:r:t", 5)',
  ]);
});

test.each([
  {
    type: "tmpfs",
    label: "l",
    data: [["size", "1"]] as const,
    want: [
      ["size", "1"],
      ["context", "l"],
    ],
  },
  { type: "devpts", label: "l", data: [] as const, want: [["context", "l"]] },
  { type: "tmpfs", label: undefined, data: [] as const, want: [] },
  { type: "tmpfs", label: "l", data: [["rootcontext", "own"]] as const, want: [["rootcontext", "own"]] },
  { type: "proc", label: "l", data: [] as const, want: [] },
  { type: "sysfs", label: "l", data: [] as const, want: [] },
  { type: "mqueue", label: "l", data: [] as const, want: [] },
])("labelData() of $type: $want", ({ type, label, data, want }) => {
  expect(labelData(type, label, data)).toEqual(want as ReturnType<typeof labelData>);
});

test.each([{}, { apparmorProfile: "" }, { selinuxLabel: "" }])(
  "labelSlot() opens nothing for %j",
  (label) => {
    const plan = new PlanBuilder();
    const process = { ...PROCESS, ...label };
    const slot = labelSlot(plan, process);
    expect(slot).toBeUndefined();
    compileLabels(plan, slot, process);
    expect(plan.finish().count).toBe(0);
  },
);
