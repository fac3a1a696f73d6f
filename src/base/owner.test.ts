import { expect, test } from "bun:test";
import { ageMs, isAlive, startTimeOf, thisOwner } from "./owner.ts";

test("isAlive() knows this process", () => {
  expect(isAlive(thisOwner())).toBe(true);
});

test("ageMs() is of the clock since boot, whatever the time of day is set to", async () => {
  const before = Date.now;
  const first = ageMs(thisOwner());
  Date.now = () => before() - 3 * 3_600_000;
  try {
    await Bun.sleep(50);
    expect(ageMs(thisOwner()) - first).toBeWithin(30, 5000);
  } finally {
    Date.now = before;
  }
});

test("isAlive() is not taken in by a pid that is used again", () => {
  expect(isAlive({ ...thisOwner(), startTime: thisOwner().startTime - 1 })).toBe(false);
  expect(isAlive({ ...thisOwner(), bootID: "another boot" })).toBe(false);
});

test("isAlive() says no once the process was killed", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  const owner = { ...thisOwner(), pid: child.pid, startTime: startTimeOf(child.pid) ?? -1 };
  expect(isAlive(owner)).toBe(true);
  child.kill("SIGKILL");
  await child.exited;
  expect(isAlive(owner)).toBe(false);
});
