import { expect, test } from "bun:test";
import { check, sendMessage, socketPair, spawn, syscall } from "../../sys/index.ts";
import type { CreatePlan } from "../compile/compile.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { conduct } from "./conduct.ts";
import { MESSAGE_BYTES, MESSAGE_PID } from "./dialogue.ts";

// What broke: the PID 1 that the first stage had cloned was reaped, and then killed by its number, which may be another's.
test("conduct() does not kill what it has reaped", async () => {
  // Has the number that was reaped.
  await using other = Bun.spawn(["sleep", "60"]);
  const [ours, theirs] = socketPair();
  const message = new DataView(new ArrayBuffer(MESSAGE_BYTES));
  message.setUint32(0, MESSAGE_PID, true);
  message.setUint32(16, other.pid, true);
  check(sendMessage(theirs, new Uint8Array(message.buffer)), "sendmsg");
  syscall("close", theirs);
  const reaped: number[] = [];
  const reap = (pid: number): { pid: number; status: number; signal: number } => {
    reaped.push(pid);
    return { pid, status: 137, signal: 9 };
  };
  const plan: CreatePlan = { ...new PlanBuilder().finish(), isStaged: true, cloneFlags: 0 };
  const init = { pid: -1, pidfd: -1, socket: ours, parent: { spawn, reap } };
  try {
    expect(() => conduct(plan, {}, init, () => undefined)).toThrow("init");
  } finally {
    syscall("close", ours);
  }
  expect(reaped).toEqual([other.pid]);
  other.kill("SIGTERM");
  await other.exited;
  expect(other.signalCode).toBe("SIGTERM");
});
