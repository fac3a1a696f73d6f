/** Lengths of time as docker's users write them: Go's, `1m30s`, `500ms`. Source: Go's time.ParseDuration. */
import { InvalidOption } from "./error.ts";

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 } as const;

/** @returns milliseconds. @throws {InvalidOption} */
export function parseDuration(text: string, option: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new InvalidOption(
      { option, value: text },
      `Invalid argument ${JSON.stringify(text)} for "${option}": wants a length of time, as in 1m30s`,
    );
  return parts.reduce(
    (sum, [, number, unit]) => sum + Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS],
    0,
  );
}
