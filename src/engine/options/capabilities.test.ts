import { expect, test } from "bun:test";
import { parseCapabilities } from "./capabilities.ts";

const KNOWN = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"];
const DEFAULTS = ["CAP_CHOWN", "CAP_KILL"];
const cases = [
  { add: [], drop: [], want: "CHOWN KILL" },
  { add: ["net_admin"], drop: [], want: "CHOWN KILL NET_ADMIN" },
  { add: ["CAP_NET_ADMIN"], drop: ["chown"], want: "KILL NET_ADMIN" },
  { add: [], drop: ["ALL"], want: "" },
  { add: ["KILL"], drop: ["all"], want: "KILL" },
  { add: ["ALL"], drop: [], want: "CHOWN KILL NET_ADMIN SYS_ADMIN" },
  { add: ["ALL"], drop: ["SYS_ADMIN"], want: "CHOWN KILL NET_ADMIN" },
];
test.each(cases)("--cap-add $add --cap-drop $drop leaves $want", ({ add, drop, want }) => {
  const short = parseCapabilities(DEFAULTS, { add, drop }, KNOWN).map((name) => name.slice(4));
  expect(short.join(" ")).toBe(want);
});

test("parseCapabilities() refuses what is no capability, and says by which option", () => {
  expect(() => parseCapabilities(DEFAULTS, { add: ["nope"], drop: [] }, KNOWN)).toThrow(
    'Invalid cap-add: unknown capability: "nope"',
  );
});
