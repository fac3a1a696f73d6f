/** What tells one plan from another. */
import type { CreatePlan } from "../compile/compile.ts";
import type { Plan } from "./plan.ts";

/**
 * The digest of all that `plan` does: its records and their data as init reads them, what init inherits, what is done outside meanwhile.
 * The same document in the same circumstances has the same. @returns `sha256:` and 64 digits
 */
export function digestOfPlan(plan: CreatePlan): string {
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(`${plan.cloneFlags}\n`);
  for (const part of [plan, plan.rest?.()]) if (part !== undefined) addPart(hash, part);
  return `sha256:${hash.digest("hex")}`;
}

function addPart(hash: Bun.CryptoHasher, { records, data, relocations, fuel, slots, hostSteps }: Plan): void {
  const steps = hostSteps.map(({ after, step }) => [after, step]);
  // What is of no fixed length comes with its length, so that no two plans are the same bytes.
  const told = JSON.stringify([records.length, data.length, fuel, relocations, slots, steps], (_, value) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  hash.update(`${told.length}\n`).update(told).update(records).update(data);
}
