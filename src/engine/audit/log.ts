/**
 * The audit log of a store: lines that are only ever added, each with the digest of the one before. What cannot be written there is
 * not done.
 */
import { readFileSync } from "node:fs";
import type { HostPath } from "../../base/index.ts";
import { auditPath, digestOfLine } from "./append.ts";
import type { AuditEntry } from "./entry.ts";

const NEW_LINE = 0x0a;

/** A line that is not as it was written, or does not follow the one before. */
export interface AuditProblem {
  /** From 1. */
  readonly line: number;
  readonly says: string;
}

/** All entries, and what is wrong. */
export function readAudit(root: HostPath): { entries: AuditEntry[]; problems: AuditProblem[] } {
  let text: Buffer;
  try {
    text = readFileSync(auditPath(root));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { entries: [], problems: [] };
    throw error;
  }
  const [entries, problems]: [AuditEntry[], AuditProblem[]] = [[], []];
  let before: Uint8Array | undefined;
  let number = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf(NEW_LINE, from);
    const line = text.subarray(from, end < 0 ? text.length : end);
    from += line.length + 1;
    number += 1;
    const entry = parse(line);
    if (entry === undefined) problems.push({ line: number, says: "it is no whole entry" });
    else {
      entries.push(entry);
      if (entry.previous !== (before === undefined ? "" : digestOfLine(before)))
        problems.push({
          line: number,
          says: "the line before is not the one that was there when it was written",
        });
    }
    before = line;
  }
  return { entries, problems };
}

function parse(line: Uint8Array): AuditEntry | undefined {
  try {
    const entry = JSON.parse(Buffer.from(line).toString("utf8")) as AuditEntry;
    return typeof entry?.previous === "string" && typeof entry.time === "string" ? entry : undefined;
  } catch {
    return undefined; // told as a problem
  }
}
