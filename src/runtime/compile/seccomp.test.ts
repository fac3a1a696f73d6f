import { expect, test } from "bun:test";
import { PlanBuilder } from "../plan/builder.ts";
import { printPlan } from "../plan/print.ts";
import { compileSeccompFilter } from "./seccomp.ts";

const FILTER = { program: new Uint8Array(16), flags: 4 };

test("compileSeccompFilter() is one record where nobody listens", () => {
  const plan = new PlanBuilder();
  compileSeccompFilter(plan, FILTER);
  expect(plan.finish().count).toBe(1);
});

test("compileSeccompFilter() hands a listener over by write and read alone: an agent may have been asked about the rest", () => {
  const plan = new PlanBuilder();
  compileSeccompFilter(plan, { ...FILTER, flags: 8, listener: { path: "/agent", metadata: "m" } });
  const lines = printPlan(plan.finish()).trimEnd().split("\n");
  expect(lines.map((line) => line.replace(/ {2,}/g, " "))).toEqual([
    "linux.seccomp config-linux.md, Seccomp",
    " 0 r20 = seccomp(SECCOMP_SET_MODE_FILTER, 8, sock_fprog)",
    "linux.seccomp.listenerPath config-linux.md, Seccomp",
    " 1 data[48], 8 bytes = r20",
    " 2 write(4, the listener message, 48)",
    ' -> the parent: listener path="/agent" metadata="m"',
    " 3 r21 = read(4, the answer, 48) EINTR: to 3",
    " 4 to 6 if (r21 & 0xffffffffffffffff) != 0x0",
    " 5 FAIL EPIPE",
    " 6 close(r20)",
  ]);
});

test("compileSeccompFilter() lets a parent of few rights take the listener, and no longer than that", () => {
  const plan = new PlanBuilder();
  compileSeccompFilter(plan, { ...FILTER, listener: { path: "/agent" }, isTakenFromDumpable: true });
  const calls = printPlan(plan.finish()).match(/(prctl\([^)]*\)|seccomp|write|read|close)\(?/g);
  expect(calls?.map((call) => call.replace(/\($/, ""))).toEqual([
    "seccomp",
    "prctl(PR_SET_DUMPABLE, 1)",
    "seccomp",
    "seccomp",
    "write",
    "read",
    "prctl(PR_SET_DUMPABLE)",
    "close",
  ]);
});
