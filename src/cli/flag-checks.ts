/** Which flags of a container go together, and what is said of those that do less than their name says. */
import { existsSync } from "node:fs";
import { type Flags, type ParsedArguments, Unsupported } from "../base/index.ts";
import { InvalidOption, parseSize } from "../engine/index.ts";

/** Docker's, without a meaning here; told of only to who gives them. */
export const FOREIGN_FLAGS = {
  "volume-driver": { kind: "string", value: "local", summary: "Who keeps new volumes", hidden: true },
  isolation: { kind: "string", value: "default", summary: "Of Windows", hidden: true },
  "disable-content-trust": {
    kind: "boolean",
    summary: "As it is anyhow: see --signature-policy",
    hidden: true,
  },
  "kernel-memory": {
    kind: "string",
    value: "SIZE",
    summary: "Kernels have this limit no more",
    hidden: true,
  },
} as const satisfies Flags;

/** What means nothing here, or what nobody should be left to believe in. @throws {Unsupported} */
export function refuseForeign(
  flags: Pick<ParsedArguments<typeof FOREIGN_FLAGS>["flags"], "isolation" | "volume-driver">,
): void {
  const { isolation, "volume-driver": driver } = flags;
  const refuse = (what: string, why: string): never => {
    throw new Unsupported({ what, why });
  };
  if (isolation && isolation !== "default") refuse(`--isolation ${isolation}`, "it is of Windows");
  if (driver && driver !== "local") refuse(`--volume-driver ${driver}`, "there is the driver local only");
}

/** Docker's words. @throws {InvalidOption} */
export function refuseConflicts(flags: {
  readonly uts?: string | undefined;
  readonly hostname?: string | undefined;
  readonly domainname?: string | undefined;
  readonly "oom-score-adj"?: number | undefined;
}): void {
  const { uts, "oom-score-adj": score = 0 } = flags;
  for (const name of ["hostname", "domainname"] as const)
    if (uts === "host" && flags[name])
      throw new InvalidOption(
        { option: `--${name}`, value: flags[name] },
        `conflicting options: ${name} and the UTS mode`,
      );
  if (score < -1000 || score > 1000)
    throw new InvalidOption(
      { option: "--oom-score-adj", value: `${score}` },
      `Invalid value ${score}, range for oom score adj is [-1000, 1000]`,
    );
}

/** Cgroup v2 has no file for them. */
const OF_V1 = ["memory-swappiness", "oom-kill-disable", "cpu-rt-period", "cpu-rt-runtime"] as const;

/** What works, but not as one might think. @param isUnified  Whether cgroups are v2 here. @throws {InvalidOption} */
export function warningsOf(
  flags: {
    readonly memory?: string | undefined;
    readonly "kernel-memory"?: string | undefined;
    readonly "memory-swappiness"?: number | undefined;
    readonly "oom-kill-disable"?: boolean;
    readonly "cpu-rt-period"?: number | undefined;
    readonly "cpu-rt-runtime"?: number | undefined;
    readonly network?: readonly string[];
    readonly publish?: readonly string[];
    readonly "mac-address"?: string | undefined;
  },
  isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers"),
): string[] {
  // -1 and false leave things as they are; so does 0, but of swappiness.
  const isGiven = (name: (typeof OF_V1)[number]) => {
    const value = flags[name] ?? -1;
    return value !== -1 && value !== false && (value !== 0 || name === "memory-swappiness");
  };
  const warnings = OF_V1.filter((name) => isUnified && isGiven(name)).map(
    (name) => `Cgroup v2 has no such limit: --${name} does nothing`,
  );
  const kernelMemory = flags["kernel-memory"];
  if (kernelMemory && parseSize(kernelMemory, "--kernel-memory") > 0)
    warnings.push(
      "Kernels have no limit of kernel memory any more: --kernel-memory does nothing, -m counts it too",
    );
  if (flags["oom-kill-disable"] && flags.memory === undefined && !isUnified)
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources",
    );
  const alone = flags.network?.find((word) => word === "host" || word === "none");
  if (alone !== undefined && flags.publish?.length)
    warnings.push(`Published ports are discarded when using ${alone} network mode`);
  if (alone !== undefined && flags["mac-address"])
    warnings.push(`The MAC address is discarded when using ${alone} network mode`);
  return warnings;
}
