/**
 * What mounts must not ask for. Source: runtime-spec config.md, Mounts; runc's checks for the sentences.
 */
import { resolvePath } from "../base/index.ts";
import type { Mount, RuntimeConfig } from "../spec/index.ts";
import { parseMountOptions } from "./compile/mount-options.ts";
import type { ConfigIssue } from "./validate.ts";
import { hasNamespace, noNul, noNuls, validateMap } from "./validate-checks.ts";

/** What may be covered below /proc: what lxcfs and its like emulate. Source: runc, checkProcMount. */
const BELOW_PROC = new Set(
  [
    ...["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"],
    ...["sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"],
  ].map((name) => `/proc/${name}`),
);

export function validateMounts({ mounts, linux }: RuntimeConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  (mounts ?? []).forEach((mount, index) => {
    const field = `mounts[${index}]`;
    const { destination, source = "", type, options = [] } = mount;
    const { bind, data } = parseMountOptions(options);
    const isBind = type === "bind" || bind !== "no";
    issues.push(
      ...validateDestination(`${field}.destination`, mount, isBind),
      ...noNul(`${field}.destination`, destination),
      ...noNul(`${field}.source`, source),
      ...noNul(`${field}.type`, type ?? ""),
      ...noNuls(`${field}.options`, options),
      ...validateIDMap(field, mount, isBind, linux),
    );
    if (isBind && source === "" && !options.includes("remount"))
      issues.push({ field: `${field}.source`, says: "a bind mount needs a source" });
    if (isBind && data.length > 0)
      issues.push({
        field: `${field}.options`,
        says: `bind mounts cannot have any filesystem-specific options applied: ${data.map(([key]) => key).join(", ")}`,
      });
    if (!isBind && !type && !options.includes("remount"))
      issues.push({ field: `${field}.type`, says: "neither a type nor a bind" });
    if (options.includes("tmpcopyup") && (type !== "tmpfs" || isBind))
      issues.push({ field: `${field}.options`, says: "tmpcopyup is only supported for tmpfs" });
  });
  if (mounts?.length && !hasNamespace(linux, "mount"))
    issues.push({ field: "mounts", says: "unable to mount without a private MNT namespace" });
  return issues;
}

function validateDestination(field: string, { destination, type }: Mount, isBind: boolean): ConfigIssue[] {
  if (destination === "") return [{ field, says: "must not be empty" }];
  const path = resolvePath("/", destination);
  const shown = JSON.stringify(path);
  if (path === "/")
    return [{ field, says: "must not be the root: nothing that is mounted before would be seen" }];
  // Whether a bind is one of a procfs shows when its source is open.
  if (path === "/proc")
    return isBind || type === "proc"
      ? []
      : [{ field, says: `${shown} cannot be mounted because it is not of type proc` }];
  return path.startsWith("/proc/") && !BELOW_PROC.has(path)
    ? [{ field, says: `${shown} cannot be mounted because it is inside /proc` }]
    : [];
}

/** Source: config.md, Mounts, uidMappings, gidMappings; config-linux.md, idmap, ridmap. */
function validateIDMap(
  field: string,
  { uidMappings, gidMappings, options = [] }: Mount,
  isBind: boolean,
  linux: RuntimeConfig["linux"],
): ConfigIssue[] {
  const asks = options.some((option) => option === "idmap" || option === "ridmap");
  const hasMap = uidMappings !== undefined || gidMappings !== undefined;
  if (!asks && !hasMap) return [];
  const issues: ConfigIssue[] = [];
  if (!isBind) issues.push({ field, says: "id-mapped mounts are only supported for bind-mounts" });
  if (hasMap && (!uidMappings?.length || !gidMappings?.length))
    issues.push({ field, says: "id-mapped mounts must have both uid and gid mappings specified" });
  const joinsOne = linux?.namespaces?.some(({ type, path }) => type === "user" && path) ?? false;
  if (!hasMap && !joinsOne && !(linux?.uidMappings?.length && linux.gidMappings?.length))
    issues.push({ field, says: "id-mapped mounts need mappings: their own, or those of a user namespace" });
  return [
    ...issues,
    ...validateMap(`${field}.uidMappings`, uidMappings ?? []),
    ...validateMap(`${field}.gidMappings`, gidMappings ?? []),
  ];
}
