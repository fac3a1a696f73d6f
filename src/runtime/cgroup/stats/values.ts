/** Reading the few formats that cgroup files have. What is not there is undefined: kernels differ in what they count. */
import { errnoOf } from "../../../sys/index.ts";
import { readCgroupFileIfAny } from "../file.ts";
import type { Pressure, PressureLine } from "./shape.ts";

/** What the kernel writes as "no limit" on v2. */
export const UNLIMITED = 2n ** 64n - 1n;

/** A file that holds one number, or `max`. */
export function readNumber(directory: string, file: string): bigint | undefined {
  const text = readCgroupFileIfAny(`${directory}/${file}`);
  return text === undefined ? undefined : parseNumber(text);
}

/** @returns undefined for what is no number */
export function parseNumber(text: string): bigint | undefined {
  if (text === "max") return UNLIMITED;
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

/** A file of lines `key value`. */
export function readKeys(directory: string, file: string): Record<string, bigint> {
  const keys: Record<string, bigint> = {};
  for (const line of lines(directory, file)) {
    const [key = "", value = ""] = line.split(" ");
    const number = parseNumber(value);
    if (number !== undefined) keys[key] = number;
  }
  return keys;
}

/** The lines of a file; none when it is not there. */
export function lines(directory: string, file: string): string[] {
  const text = readCgroupFileIfAny(`${directory}/${file}`);
  return text === undefined || text === "" ? [] : text.split("\n");
}

/** `0-2,5` → 0, 1, 2, 5. */
export function parseList(text: string | undefined): number[] {
  return (text ?? "").split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    if (range === "" || first === undefined || last === undefined) return [];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`. Undefined where the kernel does not measure it. */
export function readPressure(directory: string, file: string): Pressure | undefined {
  let text: string | undefined;
  try {
    text = readCgroupFileIfAny(`${directory}/${file}`);
  } catch (error) {
    // Some kernels have the file and answer "not supported" until psi=1 is on their command line.
    if (errnoOf(error) === "EOPNOTSUPP") return undefined;
    throw error;
  }
  if (text === undefined) return undefined;
  const pressure: Record<string, PressureLine> = {};
  for (const line of text.split("\n")) {
    const [name = "", ...pairs] = line.split(" ");
    const values = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
    const average = (key: string): number => Number(values.get(key) ?? 0);
    const total = BigInt(values.get("total") ?? 0);
    pressure[name] = { avg10: average("avg10"), avg60: average("avg60"), avg300: average("avg300"), total };
  }
  return pressure;
}
