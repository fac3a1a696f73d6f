/** Checks that several parts of config.json share. */
import type { IDMapping, Linux, NamespaceType } from "../spec/index.ts";
import type { ConfigIssue } from "./validate.ts";

/** Kernel strings end at NUL: what follows one would silently be lost. */
export function noNul(field: string, text: string): ConfigIssue[] {
  return text.includes("\0") ? [{ field, says: "must not contain a NUL byte" }] : [];
}

export function noNuls(field: string, texts: readonly string[] | undefined): ConfigIssue[] {
  return (texts ?? []).flatMap((text, index) => noNul(`${field}[${index}]`, text));
}

/** Whether the container gets a namespace of this type, new or joined. */
export function hasNamespace(linux: Linux | undefined, type: NamespaceType): boolean {
  return linux?.namespaces?.some((namespace) => namespace.type === type) ?? false;
}

/** What /proc/PID/uid_map takes since Linux 4.15. */
const MAX_MAPPINGS = 340;

export function validateMap(field: string, mappings: readonly IDMapping[]): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (mappings.length > MAX_MAPPINGS) issues.push({ field, says: `more than ${MAX_MAPPINGS} mappings` });
  mappings.forEach(({ size }, index) => {
    if (size === 0) issues.push({ field: `${field}[${index}].size`, says: "must not be 0" });
  });
  return issues;
}
