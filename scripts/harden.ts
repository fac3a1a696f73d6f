/**
 * Changes the finished executable so that the caller's environment cannot make it run foreign code, or write files. Bun honours
 * BUN_OPTIONS (`--preload FILE`), BUN_BE_BUN (the whole bun command line) and the two BUN_BYTECODE_ORDER (a file to write when
 * the program ends) in every compiled program and has no switch against it; teu runs as root, started by others. Their names are
 * overwritten, so that the lookups find nothing.
 */

/** Each name, and how often the pinned Bun's executable holds it: another number means another Bun, to be looked at anew. */
const NAMES = [
  { name: "BUN_OPTIONS", times: 2 },
  { name: "BUN_BE_BUN", times: 1 },
  { name: "BUN_BYTECODE_ORDER_OUT", times: 2 },
  { name: "BUN_BYTECODE_ORDER_NAMES_OUT", times: 1 },
] as const;

/** Overwrites these names in `file`, in place. @throws when they are not found exactly as often as expected */
export function harden(file: Buffer): void {
  for (const { name, times } of NAMES) {
    const found = offsetsOf(file, name);
    if (found.length !== times)
      throw new Error(
        `Cannot harden the executable: ${name} occurs ${found.length} times, expected ${times}; was Bun updated?`,
      );
    // NUL is the one byte that execve cannot put into an environment: what stands there now, nobody can set.
    for (const offset of found) file.fill(0, offset, offset + name.length);
  }
}

function offsetsOf(file: Buffer, name: string): number[] {
  const offsets: number[] = [];
  for (let at = file.indexOf(name); at >= 0; at = file.indexOf(name, at + 1)) offsets.push(at);
  return offsets;
}
