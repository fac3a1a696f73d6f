/**
 * Takes samples of commands that do the same thing: a fresh process for each, their order alternated, so that what
 * drifts on the machine drifts for all of them.
 */
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One of the things compared. */
export interface Subject {
  readonly name: string;
  /** Takes one sample: does the thing once and returns what it cost, in the benchmark's unit. */
  sample(): number | Promise<number>;
}

/** How often, and with how much rest before each sample. */
export interface Sampling {
  readonly samples: number;
  readonly pauseMs: number;
  /** Whether no round comes before the first: where a sample takes many seconds, what is cold at first does not show. */
  readonly isColdCounted?: boolean;
  /** After so many milliseconds no other round begins: there are fewer samples on a busy machine. */
  readonly mostMs?: number;
  /** What is done after each round, numbered from 0, off the clock. */
  afterRound?(round: number): Promise<void>;
}

/** What was measured of one subject. */
export interface Measured {
  readonly name: string;
  readonly median: number;
  /** The tenth and the ninetieth of a hundred. */
  readonly low: number;
  readonly high: number;
  readonly samples: number;
}

/** The fewest samples that say something about a median. */
export const SAMPLES: number = Math.max(1, Number(process.env["TEU_BENCH_SAMPLES"] ?? 40));

/** Samples all `subjects` in turn, the first of each round changing; one round before the first counts for nothing, unless told otherwise. */
export async function measure(subjects: readonly Subject[], sampling: Sampling): Promise<Measured[]> {
  const { samples, pauseMs } = sampling;
  const values = subjects.map((): number[] => []);
  const end = performance.now() + (sampling.mostMs ?? Number.POSITIVE_INFINITY);
  for (let round = sampling.isColdCounted ? 0 : -1; round < samples; round++) {
    if (round > 0 && performance.now() > end) break;
    for (let turn = 0; turn < subjects.length; turn++) {
      const index = (turn + Math.max(round, 0)) % subjects.length;
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      const value = await subjects[index]?.sample();
      if (round >= 0 && value !== undefined) values[index]?.push(value);
    }
    if (round >= 0) await sampling.afterRound?.(round);
  }
  return subjects.map(({ name }, index) => summarise(name, values[index] ?? []));
}

/** Median and spread. */
export function summarise(name: string, values: readonly number[]): Measured {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? at(0.5) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { name, median, low: at(0.1), high: at(0.9), samples: sorted.length };
}

/** Where a command's messages go: a pipe would be held open by a container that it leaves behind. */
const MESSAGES = join(tmpdir(), `teu-bench-${process.pid}.messages`);
process.on("exit", () => rmSync(MESSAGES, { force: true }));

/** What takes longer has hung. */
const LONGEST_MS = 300_000;

/** Runs a command to its end and returns how many milliseconds that took. Throws when it fails. */
export function timeCommand(
  command: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): number {
  const begin = performance.now();
  const result = Bun.spawnSync([...command], {
    cwd: options.cwd ?? "/",
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(MESSAGES),
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  const took = performance.now() - begin;
  if (!result.success)
    throw new Error(`${command.join(" ")}: status ${result.exitCode}: ${readFileSync(MESSAGES, "utf8")}`);
  return took;
}
