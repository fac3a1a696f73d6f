/** What a plain user cannot ask for, said before anything is made. Source: runc's validator for rootless, and its sentences. */
import type { IDMapping, RuntimeConfig } from "../spec/index.ts";
import { type ConfigIssue, InvalidConfig } from "./validate.ts";
import { hasNamespace } from "./validate-checks.ts";

/** @param caller  Who is not root. @throws {InvalidConfig} with every issue. */
export function validateRootless(config: RuntimeConfig, caller: { readonly gid: number }): void {
  const { linux, process } = config;
  const issues: ConfigIssue[] = [];
  if (!hasNamespace(linux, "user"))
    issues.push({ field: "linux.namespaces", says: "rootless container requires user namespaces" });
  if (Object.keys(linux?.netDevices ?? {}).length > 0)
    issues.push({
      field: "linux.netDevices",
      says: "network devices are not supported for rootless containers",
    });
  const { uidMappings, gidMappings } = linux ?? {};
  // With no map but that of one's own group, groups cannot be set at all (2014-8989).
  const isOwnGroup =
    gidMappings?.length === 1 && gidMappings[0]?.size === 1 && gidMappings[0].hostID === caller.gid;
  if (isOwnGroup && process?.user.additionalGids?.length)
    issues.push({
      field: "process.user.additionalGids",
      says: "cannot set any additional groups in a rootless container",
    });
  config.mounts?.forEach(({ options = [], ...mount }, index) => {
    if (
      mount.uidMappings !== undefined ||
      options.some((option) => option === "idmap" || option === "ridmap")
    )
      issues.push({
        field: `mounts[${index}]`,
        says: "id-mapped mounts are not supported for rootless containers",
      });
    for (const [name, map] of [
      ["uid", uidMappings],
      ["gid", gidMappings],
    ] as const)
      if (map !== undefined && options.some((option) => isUnmapped(option, name, map)))
        issues.push({
          field: `mounts[${index}].options`,
          says: `cannot specify ${name}= mount options for unmapped ${name} in rootless containers`,
        });
  });
  if (issues.length > 0) throw new InvalidConfig({ issues });
}

function isUnmapped(option: string, name: string, map: readonly IDMapping[]): boolean {
  const [key, value] = option.split("=", 2);
  if (key !== name || value === undefined) return false;
  const id = Number(value);
  return !map.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}
