/** Documents in the shape of Go's: keys that JSON leaves out and templates may ask for, and Go's nil lists and maps. */

/** `document`, with `keys` that JSON does not show: what Go marks `omitempty`. */
export function withQuiet<T extends object>(document: T, keys: Readonly<Record<string, unknown>>): T {
  for (const [key, value] of Object.entries(keys))
    if (!Object.hasOwn(document, key)) Object.defineProperty(document, key, { value, enumerable: false });
  return document;
}

/** An empty list that is null as JSON: Go's nil slice. */
export const NIL_LIST: readonly never[] = asNull([]);
/** An empty map that is null as JSON. */
export const NIL_MAP: Readonly<Record<string, never>> = asNull({});

function asNull<T extends object>(value: T): T {
  return Object.defineProperty(value, "toJSON", { value: () => null, enumerable: false });
}
