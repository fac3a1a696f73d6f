/**
 * Lines of a `schemata` file: `L3:0=7ff;1=7f`, masks in hexadecimal; `MB:0=20;1=70`, in decimal.
 * Source: config-linux.md, IntelRdt; kernel arch/x86/resctrl.rst, schemata.
 */
import type { IntelRdt } from "../../spec/index.ts";

/** The lines that are asked for, in the order in which they are written: the later of two wins. */
export function askedSchemata({ l3CacheSchema, memBwSchema, schemata = [] }: IntelRdt): string[] {
  return [l3CacheSchema ?? "", memBwSchema ?? "", ...schemata].filter((line) => line !== "");
}

/** The first of `asked` that `has` (the text of a schemata file) does not say; undefined when it says all. */
export function firstMismatch(asked: readonly string[], has: string): string | undefined {
  const known = parse(has.split("\n"));
  return asked.find((line) => {
    const wanted = parse([line]);
    return wanted.size === 0 || [...wanted].some(([key, value]) => known.get(key) !== value);
  });
}

/** By resource and cache: the value. Spaces, leading zeros and the case of digits mean nothing. */
function parse(lines: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, resource = "", pairs = ""] = /^\s*([^:\s]+):(.*)$/.exec(line) ?? [];
    for (const pair of pairs.split(";")) {
      const [cache = "", value = ""] = pair.split("=").map((text) => text.trim());
      if (value !== "")
        values.set(`${resource}:${Number(cache)}`, value.toLowerCase().replace(/^(0x)?0*(?=.)/, ""));
    }
  }
  return values;
}
