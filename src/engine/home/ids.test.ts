import { expect, test } from "bun:test";
import { rangesIn, type User } from "./ids.ts";

const FILE = "alice:100000:65536\nbob:165536:65536\n1000:300000:10\n\nalice:400000:x\nalice:500000:0\n";

const CASES: readonly { readonly user: User; readonly want: number[][] }[] = [
  {
    user: { uid: 1000, gid: 1, name: "alice" },
    want: [
      [100_000, 65_536],
      [300_000, 10],
    ],
  },
  { user: { uid: 1001, gid: 1, name: "bob" }, want: [[165_536, 65_536]] },
  { user: { uid: 1000, gid: 1 }, want: [[300_000, 10]] },
  { user: { uid: 7, gid: 1, name: "al" }, want: [] },
];

test.each(CASES)("rangesIn() finds those of $user by name and by number, and no others", ({ user, want }) => {
  expect(rangesIn(FILE, user).map(({ first, size }) => [first, size])).toEqual(want);
});
