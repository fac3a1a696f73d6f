/** Properties of units, as StartTransientUnit and SetUnitProperties take them. */
import type { Value } from "./marshal.ts";

export interface Property {
  readonly name: string;
  readonly signature: string;
  readonly value: Value;
}

export function property(name: string, signature: string, value: Value): Property {
  return { name, signature, value };
}

/** As an element of `a(sv)`. */
export function encodeProperty({ name, signature, value }: Property): Value {
  return [name, { signature, value }];
}

/** No limit, in properties that are 64-bit numbers. */
export const INFINITY: bigint = 2n ** 64n - 1n;
