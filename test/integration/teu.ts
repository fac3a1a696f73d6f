/** What the whole-program tests share: the built executable, run as a user would run it. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The built executable; `make build` makes it. */
export const TEU: string = process.env["TEU_EXECUTABLE"] ?? join(import.meta.dir, "../../dist/teu");

if (!existsSync(TEU)) throw new Error(`Cannot test ${TEU}: it is not there; run \`make build\``);

/** What a finished program left. */
export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `command` to its end, with an environment of its own. */
export async function run(
  command: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; stdin?: string } = {},
): Promise<Finished> {
  const child = Bun.spawn([...command], {
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", ...options.env },
    cwd: options.cwd ?? "/",
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

/** Runs `teu` with `words`. */
export function teu(words: readonly string[], options?: Parameters<typeof run>[1]): Promise<Finished> {
  return run([TEU, ...words], options);
}
