/** What a seccomp profile must say of its listener. Source: runtime-spec config-linux.md, Seccomp. */
import type { Linux } from "../spec/index.ts";
import type { ConfigIssue } from "./validate.ts";

/** `linux.seccomp`; what its rules mean is checked where they are compiled. */
export function validateSeccomp({ seccomp }: Linux): ConfigIssue[] {
  if (seccomp === undefined || seccomp.listenerPath) return [];
  const issues: ConfigIssue[] = [];
  const index = seccomp.syscalls?.findIndex(({ action }) => action === "SCMP_ACT_NOTIFY") ?? -1;
  if (index >= 0)
    issues.push({ field: `linux.seccomp.syscalls[${index}]`, says: "seccomp listenerPath is not set" });
  if (seccomp.listenerMetadata)
    issues.push({
      field: "linux.seccomp.listenerMetadata",
      says: "must not be set without listenerPath",
    });
  return issues;
}
