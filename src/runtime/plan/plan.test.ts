/** Plans run by the real init: what the builder lays out is what the kernel gets. Needs no root. */
import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { errno, reap, syscall } from "../../sys/index.ts";
import { decodeMessage, listen, MESSAGE_BYTES, reply } from "../machine/dialogue.ts";
import { launch, planFile } from "../machine/launch.ts";
import { answered, PlanBuilder } from "./builder.ts";
import { type Plan, Register } from "./plan.ts";

const A = new Register(5);
const B = new Register(6);

/** Runs a plan to its end and gives what init said and how it ended. */
function run(plan: Plan, answer?: (said: ReturnType<typeof listen>) => Parameters<typeof reply>[1]) {
  const devNull = openSync("/dev/null", "r+");
  const { pid, pidfd, socket } = launch(plan, { stdio: [devNull, devNull, 2], cloneFlags: 0 });
  closeSync(devNull);
  const said: ReturnType<typeof listen>[] = [];
  for (;;) {
    const message = listen(socket);
    const { sender: _, ...what } = message;
    said.push(what);
    if (message.kind !== "sync") break;
    reply(socket, answer?.(message));
  }
  syscall("close", socket);
  syscall("close", pidfd);
  return { said, status: reap(pid, { wait: true })?.status };
}

/** A plan whose exit status is 40 when `A` is not what it should be. */
function exitsWith(build: (plan: PlanBuilder) => void): number | undefined {
  const plan = new PlanBuilder();
  build(plan);
  plan.exit(40);
  return run(plan.finish()).status;
}

test("a failed call without a rule is reported with its record and errno", () => {
  const plan = new PlanBuilder();
  plan.move(A, 1);
  plan.call("close", [999]);
  plan.exit(0);
  const { said, status } = run(plan.finish());
  expect(said).toEqual([{ kind: "fail", segment: 0, record: 1, errno: errno.EBADF }]);
  expect(status).toBe(1);
});

test("rules: the first that matches leads on, away, or to the end", () => {
  const status = exitsWith((plan) => {
    const there = plan.label();
    plan.call("close", [999], { on: { EBADF: "next" } });
    plan.call("close", [999], { result: A, on: { EINTR: "next", "*": there } });
    plan.exit(1);
    plan.place(there);
    const right = plan.label();
    plan.jump(right, A, 0xffffffffffffffffn, "==", BigInt.asUintN(64, BigInt(-errno.EBADF)));
    plan.exit(2);
    plan.place(right);
  });
  expect(status).toBe(40);
});

test("load and store move 1, 2, 4 and 8 bytes", () => {
  const status = exitsWith((plan) => {
    const data = plan.bytes(Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88));
    const wrong = plan.label();
    const done = plan.label();
    for (const [size, value] of [
      [1, 0x11n],
      [2, 0x2211n],
      [4, 0x44332211n],
      [8, 0x8877665544332211n],
    ] as const) {
      plan.load(A, data, size);
      plan.jump(wrong, A, 0xffffffffffffffffn, "!=", value);
    }
    plan.store(data, 2, 0xffff);
    plan.load(B, data, 4);
    plan.jump(done, B, 0xffffffffn, "==", 0x4433ffffn);
    plan.place(wrong);
    plan.exit(1);
    plan.place(done);
  });
  expect(status).toBe(40);
});

test("a jump back costs fuel, and without fuel the plan fails with ELOOP", () => {
  const plan = new PlanBuilder();
  const start = plan.label();
  plan.place(start);
  plan.goto(start);
  plan.addFuel(1000);
  expect(run(plan.finish()).said).toEqual([{ kind: "fail", segment: 0, record: 0, errno: errno.ELOOP }]);
});

test("an answer carries values, bytes and a segment, and the registers outlive the segment", () => {
  const plan = new PlanBuilder();
  const slot = plan.reserve(16, "slot");
  plan.sync("missing", { slot: { data: slot, capacity: 16 } });
  const good = plan.label();
  plan.load(A, slot, 2);
  plan.jump(good, B, 0xffffn, "==", 77n);
  plan.exit(1);
  plan.place(good);
  plan.call("write", [0, slot, A], { on: { "*": "next" } });
  plan.jump(good, A, 0xffffn, "!=", 0x6968n);
  plan.move(A, answered(2));
  plan.sync("ready", { values: [A, B] });
  plan.exit(40);

  const segment = new PlanBuilder();
  segment.move(B, 77);
  const file = planFile(segment.finish());
  const { said, status } = run(plan.finish(), (message) =>
    message.kind === "sync" && message.code === 4
      ? { values: [1, 2, 3, 4], bytes: new TextEncoder().encode("hi"), segment: file }
      : undefined,
  );
  closeSync(file);
  expect(said[1]).toEqual({
    kind: "sync",
    segment: 0,
    record: 7,
    code: 7,
    values: [3, 77, 0, 0],
    descriptors: [],
  });
  expect(status).toBe(40);
});

test("a parent that closes the socket ends init", () => {
  const plan = new PlanBuilder();
  plan.sync("ready");
  plan.exit(0);
  const { pid, pidfd, socket } = launch(plan.finish(), { stdio: [0, 1, 2], cloneFlags: 0 });
  listen(socket);
  syscall("close", socket);
  syscall("close", pidfd);
  expect(reap(pid, { wait: true })?.status).toBe(1);
});

test("pointers in the data become addresses, and the program of init is not visible as a file", () => {
  const plan = new PlanBuilder();
  const read = plan.slot({ kind: "file", path: "/proc/self/exe", flags: "path" });
  const target = plan.reserve(64, "room");
  plan.call("execve", [
    plan.text("/bin/sh"),
    plan.strings(["sh", "-c", 'test "$1" = x && exit 41', "sh", "x"], "argv"),
    plan.strings([], "env"),
  ]);
  expect(read).toBe(5);
  expect(target.offset % 8).toBe(0);
  expect(run(plan.finish()).status).toBe(41);
});

test("decodeMessage() gives the failure that init wrote", () => {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  [2, 1, 9].forEach((value, index) => {
    view.setUint32(index * 4, value, true);
  });
  view.setBigInt64(16, 13n, true);
  expect(decodeMessage(bytes)).toEqual({ kind: "fail", segment: 1, record: 9, errno: 13 });
});

test("init is static and small", () => {
  const path = new URL("../../../native/out/init.elf", import.meta.url).pathname;
  expect(readFileSync(path).length).toBeLessThan(32_768);
});
