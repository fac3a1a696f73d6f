/**
 * The control: what a runtime does that believes path strings, in a mount namespace that ends with it. An attack that
 * does not succeed here proves nothing where it fails.
 */

/** Runs `script` with `sh`; $1, $2, … are `words`. Returns what it printed, errors included. */
export function naiveRuntime(script: string, ...words: readonly string[]): string {
  const shell = ["sh", "-c", `exec 2>&1\n${script}`, "naive-runtime", ...words];
  const { stdout } = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", ...shell]);
  return stdout.toString();
}
