/** Lists like `0-3,7`, as config.json writes sets of CPUs and of memory nodes. Source: cpuset(7), list format. */

/**
 * The set as a bit mask of `bits` bits, the lowest number in the lowest bit of the first byte; undefined where the text is
 * no such list, or has a number that does not fit. An empty text is an empty set.
 */
export function parseNumberList(text: string, bits: number): Uint8Array | undefined {
  const mask = new Uint8Array(Math.ceil(bits / 8));
  for (const part of text.trim() === "" ? [] : text.split(",")) {
    const [, from = "", to = from] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === "" || first > last || last >= bits) return undefined;
    for (let number = first; number <= last; number++)
      mask[number >> 3] = (mask[number >> 3] ?? 0) | (1 << (number & 7));
  }
  return mask;
}

/** More than any kernel has. */
export const MAX_CPUS = 8192;
/** MAX_NUMNODES of the largest kernels. */
export const MAX_NODES = 1024;
