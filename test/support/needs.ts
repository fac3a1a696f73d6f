/**
 * What a test needs of the machine and the user. A test whose needs are not met is skipped, and what is missing is printed:
 *
 *   needs(root, program("umoci"))("unpack gives the tree that umoci gives", async () => { … });
 */
import { test } from "bun:test";
import { existsSync } from "node:fs";

/** One condition, and the words for it. */
export interface Need {
  readonly says: string;
  isMet(): boolean;
}

/** The tests run as root. */
export const root: Need = { says: "root", isMet: () => process.getuid?.() === 0 };

/** The program `name` is installed; `scripts/install-peers.sh` installs those that tests use. */
export function program(name: string): Need {
  return { says: `the program ${name}`, isMet: () => Bun.which(name) !== null };
}

/** The controllers are in cgroup v1 hierarchies, alone or beside an empty v2 one. */
export const cgroupV1: Need = { says: "cgroup v1", isMet: () => !cgroupV2.isMet() };

/** cgroup v2 is alone; test/vm/run boots such a machine. */
export const cgroupV2: Need = {
  says: "cgroup v2",
  isMet: () => existsSync("/sys/fs/cgroup/cgroup.controllers"),
};

/** systemd is PID 1; test/vm/run -s boots such a machine. */
export const systemd: Need = { says: "systemd", isMet: () => existsSync("/run/systemd/system") };

/** A CRIU that works on this kernel, with these features by the names of `criu check --feature`. */
export function criu(...features: readonly string[]): Need {
  const says = ["a kernel that this criu works on", ...features].join(", ");
  const words = ["criu", "check", ...features.flatMap((name) => ["--feature", name])];
  return { says, isMet: () => Bun.which("criu") !== null && Bun.spawnSync(words).exitCode === 0 };
}

/** Not the emulated machine of test/vm: what takes many containers and has nothing to do with its kernel or its cgroups. */
export const swift: Need = {
  says: "a machine that is not emulated",
  isMet: () => process.env["VM_GUEST"] === undefined,
};

const printed = new Set<string>();

/** `test`, or, when a need is not met, `test.skip` with the reason printed. */
export function needs(...wanted: readonly Need[]): typeof test {
  const unmet = wanted.filter((need) => !need.isMet()).map((need) => need.says);
  if (unmet.length === 0) return test;
  const reason = unmet.join(", ");
  if (!printed.has(reason)) console.log(`skipped: tests that need ${reason}`);
  printed.add(reason);
  return test.skipIf(true) as typeof test;
}
