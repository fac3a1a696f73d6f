/**
 * What config.json may ask for and this runtime cannot do yet: refused by name, never ignored. An entry leaves the
 * table with the commit that builds the thing.
 */
import { Unsupported } from "../base/index.ts";
import type { RuntimeConfig } from "../spec/index.ts";

interface Entry {
  readonly why: string;
  /** The path of the field that asks for it, if one does. */
  readonly find: (config: RuntimeConfig) => string | undefined;
}

/** `field`, if `value` is there and not empty. */
function asked(field: string, value: unknown): string | undefined {
  if (value === undefined || value === "" || value === false) return undefined;
  if (Array.isArray(value) && value.length === 0) return undefined;
  return field;
}

const TABLE: readonly Entry[] = [
  {
    why: "the specification has no flags yet",
    find: ({ linux }) => asked("linux.personality.flags", linux?.personality?.flags),
  },
];

/** Each field that asks for what is not built, and why not. */
export function unsupportedFields(config: RuntimeConfig): { readonly what: string; readonly why: string }[] {
  return TABLE.flatMap(({ why, find }) => {
    const what = find(config);
    return what === undefined ? [] : [{ what, why }];
  });
}

/** @throws {Unsupported} naming the first field that asks for what is not built. */
export function refuseUnsupported(config: RuntimeConfig): void {
  const [first] = unsupportedFields(config);
  if (first !== undefined) throw new Unsupported(first);
}
