import { expect, test } from "bun:test";
import { type LastRun, nextAttempt, parseRestartPolicy, remainingMs } from "./restart-policy.ts";

const FAILED: LastRun = { status: 1, ranMs: 5, wasStopped: false, attempts: 0, delayMs: 0 };
const cases: {
  policy: string;
  run: Partial<LastRun>;
  want: [attempts: number, delayMs: number] | undefined;
}[] = [
  { policy: "no", run: {}, want: undefined },
  { policy: "always", run: {}, want: [1, 100] },
  { policy: "always", run: { status: 0 }, want: [1, 100] },
  { policy: "always", run: { wasStopped: true }, want: undefined },
  { policy: "unless-stopped", run: { wasStopped: true }, want: undefined },
  { policy: "always", run: { attempts: 3, delayMs: 400 }, want: [4, 800] },
  { policy: "always", run: { attempts: 30, delayMs: 51_200 }, want: [31, 60_000] },
  { policy: "always", run: { attempts: 30, delayMs: 60_000, ranMs: 10_000 }, want: [1, 100] },
  { policy: "on-failure", run: { status: 0 }, want: undefined },
  { policy: "on-failure", run: { attempts: 99, delayMs: 100 }, want: [100, 200] },
  { policy: "on-failure:2", run: { attempts: 1, delayMs: 100 }, want: [2, 200] },
  { policy: "on-failure:2", run: { attempts: 2, delayMs: 200 }, want: undefined },
];
test.each(cases)("$policy after $run", ({ policy, run, want }) => {
  const next = nextAttempt(parseRestartPolicy(policy), { ...FAILED, ...run });
  expect(next && [next.attempts, next.delayMs]).toEqual(want as never);
});

// A clock set back by hours held a container up for hours.
test.each([
  ["goes on", 1000, 0, 400],
  ["goes on", 1300, 300, 100],
  ["is set back", 1000 - 3 * 3_600_000, 100, 300],
  ["is set forward", 1000 + 3 * 3_600_000, 100, 400 - 3 * 3_600_000],
])("remainingMs() where the clock %s, at %d after %d ms", (_, nowMs, waitedMs, want) => {
  expect(remainingMs({ dueAt: 1400, delayMs: 400 }, nowMs, waitedMs)).toBe(want);
});

test.each(["sometimes", "always:3", "on-failure:x", "on-failure:-1"])("--restart %s is refused", (text) =>
  expect(() => parseRestartPolicy(text)).toThrow(text),
);
