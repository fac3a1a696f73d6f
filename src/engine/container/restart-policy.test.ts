import { expect, test } from "bun:test";
import { type LastRun, nextAttempt, parseRestartPolicy } from "./restart-policy.ts";

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

test.each(["sometimes", "always:3", "on-failure:x", "on-failure:-1"])("--restart %s is refused", (text) =>
  expect(() => parseRestartPolicy(text)).toThrow(text),
);
