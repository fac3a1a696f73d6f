/** Runs a program in another network namespace. */
import { commandIn } from "../../runtime/index.ts";

const PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/** Runs `program` in the network namespace at `path` to its end, with `input` as its standard input. */
export function runIn(
  path: string,
  program: string,
  words: readonly string[],
  input: string,
): { readonly success: boolean; readonly stderr: string } {
  using command = commandIn(path, { path: program, argv: [program, ...words], env: [`PATH=${PATH}`] });
  const { success, stderr } = Bun.spawnSync([...command.command], {
    stdio: [new TextEncoder().encode(input), "ignore", "pipe", ...command.descriptors],
    env: {},
  });
  return { success, stderr: stderr?.toString() ?? "" };
}
