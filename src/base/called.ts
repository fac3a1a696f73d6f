/**
 * What this program was called with, as bytes, one per character: words and the working directory reach us decoded as UTF-8, and names need not
 * be that. Source: proc_pid_cmdline(5), proc_pid_cwd(5).
 */

/** What a byte that is no UTF-8 has become. */
const LOST = "\ufffd";

/** Loaded where a name is no UTF-8. */
const fs = () => process.getBuiltinModule("node:fs");

/** The bytes of `words`, which are some of those that the program was called with, in their order. */
export function asCalled(words: readonly string[]): string[] {
  if (!words.some((word) => word.includes(LOST)))
    return words.map((word) => Buffer.from(word).toString("latin1"));
  const decoded = process.argv.slice(2);
  const called = allCalled();
  // From the end: what comes before may be a flag's value of the same text.
  let end = decoded.length;
  return words
    .toReversed()
    .map((word) => {
      end = decoded.lastIndexOf(word, end - 1);
      return called[end] ?? Buffer.from(word).toString("latin1");
    })
    .toReversed();
}

/** All words after the program's name. */
export function allCalled(): string[] {
  const all = fs().readFileSync("/proc/self/cmdline", "latin1").split("\0").slice(0, -1);
  const count = process.argv.length - 2;
  return all.slice(all.length - count);
}

/** Whether any of them is no UTF-8. */
export function isCalledByBytes(): boolean {
  return process.argv.some((word) => word.includes(LOST));
}

/** The bytes of the working directory's path. */
export function workingDirectory(): string {
  const path = process.cwd();
  if (!path.includes(LOST)) return Buffer.from(path).toString("latin1");
  return fs().readlinkSync("/proc/self/cwd", "buffer").toString("latin1");
}
