/** Sizes and shares as docker's users write them: `64m`, `1.5`. Source: docker run reference, runtime constraints. */
import { InvalidOption } from "./error.ts";

const SIZE = /^(\d+(?:\.\d+)?) ?([bkmgtp])?i?b?$/i;
const POWERS = "bkmgtp";
/** Less, and the first process would be killed before it is the container's. Docker's limit and words. */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
/** Of `--cpus`. */
export const CPU_PERIOD_US = 100_000;

/** `64m` as bytes; units are powers of 1024. @param flags  As docker names them. @throws {InvalidOption} */
export function parseSize(text: string, option: string, flags = option): number {
  const [, number, unit = "b"] = SIZE.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * 1024 ** POWERS.indexOf(unit.toLowerCase()));
  if (number === undefined || !Number.isSafeInteger(bytes))
    throw new InvalidOption(
      { option, value: text },
      `Invalid argument ${JSON.stringify(text)} for "${flags}": invalid size`,
    );
  return bytes;
}

/** The value of `--memory`. 0 is no limit, as docker has it. @throws {InvalidOption} */
export function parseMemory(text: string): number | undefined {
  const option = "--memory";
  const bytes = parseSize(text, option, "-m, --memory");
  if (bytes === 0) return undefined;
  if (bytes < MIN_MEMORY_BYTES)
    throw new InvalidOption({ option, value: text }, "Minimum memory limit allowed is 6MB");
  return bytes;
}

/**
 * `1.5` processors as a quota of microseconds in each period. 0 is no limit, as docker has it.
 * @param online  How many there are. @throws {InvalidOption}
 */
export function parseCPUs(text: string, online: number): { quota: number; period: number } | undefined {
  const cpus = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  const context = { option: "--cpus", value: text };
  if (Number.isNaN(cpus))
    throw new InvalidOption(
      context,
      `Invalid argument ${JSON.stringify(text)} for "--cpus": failed to parse as a rational number`,
    );
  if (cpus === 0) return undefined;
  if (cpus < 0.01 || cpus > online)
    throw new InvalidOption(
      context,
      `Range of CPUs is from 0.01 to ${online}.00, as there are only ${online} CPUs available`,
    );
  return { quota: Math.round(cpus * CPU_PERIOD_US), period: CPU_PERIOD_US };
}
