import { expect, test } from "bun:test";
import { namespaceTypes, seccompActions, seccompOperators } from "./index.ts";

test("the closed sets of config-linux.md are spelt as there", () => {
  expect(namespaceTypes.join(" ")).toBe("pid network mount ipc uts user cgroup time");
  expect(seccompActions.every((action) => action.startsWith("SCMP_ACT_"))).toBe(true);
  expect(seccompOperators).toHaveLength(7);
});
