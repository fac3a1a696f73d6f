/** Counters whose files differ between the versions by their names only. */
import { errnoOf, readdirSync } from "../../../sys/index.ts";
import { type Stats, sparse } from "./shape.ts";
import { readKeys, readNumber, UNLIMITED } from "./values.ts";

/** No limit is told as none. */
export function readPids(directory: string): Stats["pids"] {
  const limit = readNumber(directory, "pids.max") ?? 0n;
  const current = readNumber(directory, "pids.current") ?? 0n;
  return sparse({ current, limit: limit === UNLIMITED ? 0n : limit });
}

/** By page size. Reservations count where the kernel knows them, since they are what fails. */
export function readHugetlb(directory: string): Stats["hugetlb"] {
  const usage: Record<string, Stats["hugetlb"][string]> = {};
  for (const size of pageSizes(directory)) {
    const read = (...names: string[]): bigint | undefined =>
      names.flatMap((name) => readNumber(directory, `hugetlb.${size}.${name}`) ?? []).at(0);
    usage[size] = {
      ...sparse({
        usage: read("rsvd.usage_in_bytes", "rsvd.current", "usage_in_bytes", "current"),
        max: read("rsvd.max_usage_in_bytes", "max_usage_in_bytes"),
      }),
      failcnt: read("rsvd.failcnt", "failcnt") ?? readKeys(directory, `hugetlb.${size}.events`)["max"] ?? 0n,
    };
  }
  return usage;
}

/** The page sizes that the cgroup limits. */
function pageSizes(directory: string): string[] {
  try {
    const sizes = readdirSync(directory).map(({ name }) => /^hugetlb\.(\d+[KMG]B)\./.exec(name)?.[1]);
    return [...new Set(sizes.filter((size) => size !== undefined))].sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
