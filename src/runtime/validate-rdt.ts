/** The class of service of a container becomes a directory's name, its schemata lines of a file. Source: config-linux.md, IntelRdt. */
import type { IntelRdt } from "../spec/index.ts";
import type { ConfigIssue } from "./validate.ts";

/** Directories that resctrl has of its own. */
const RESERVED = new Set([".", "..", "info", "mon_groups", "mon_data"]);

export function validateIntelRdt(rdt: IntelRdt = {}): ConfigIssue[] {
  const { closID = "", l3CacheSchema = "", memBwSchema = "", schemata = [] } = rdt;
  const issues: ConfigIssue[] = [];
  const add = (field: string, says: string): void => {
    issues.push({ field: `linux.intelRdt.${field}`, says });
  };
  if (RESERVED.has(closID) || (closID.length > 1 && /[/\0\n]/.test(closID)))
    add("closID", `invalid intelRdt.ClosID ${JSON.stringify(closID)}`);
  if (l3CacheSchema.includes("\n")) add("l3CacheSchema", "must not contain newlines");
  if (memBwSchema !== "" && !/^MB:[^\n]*$/.test(memBwSchema))
    add("memBwSchema", "must start with MB: and must not contain newlines");
  schemata.forEach((line, index) => {
    if (line.includes("\n")) add(`schemata[${index}]`, "must not contain newlines");
  });
  return issues;
}
