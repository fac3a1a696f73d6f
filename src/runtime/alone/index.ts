/**
 * The commands of a container's life, each with all that it needs in one piece. `scripts/build.ts` bundles each file of this
 * folder by itself: what is cut where commands share it is some fifty pieces for `run`, and each costs as much to load as the
 * code in it.
 */
import type { RunAlone } from "../command/only.ts";

const ALONE: Readonly<Record<string, () => Promise<{ readonly runAlone: RunAlone }>>> = {
  create: () => import("./create.ts"),
  delete: () => import("./delete.ts"),
  exec: () => import("./exec.ts"),
  kill: () => import("./kill.ts"),
  run: () => import("./create.ts"),
  start: () => import("./start.ts"),
  state: () => import("./state.ts"),
};

/**
 * Runs `words` as the runtime called `program`. Which piece is loaded is a guess, by the first word that could be the command:
 * it may be the value of a flag. @returns the exit status
 */
export async function runRuntime(words: readonly string[], program: string): Promise<number> {
  const others = async (): Promise<number> =>
    (await import("../command/index.ts")).runRuntimeCommand(words, program);
  const word = words.find((candidate) => Object.hasOwn(ALONE, candidate));
  const alone = word === undefined ? undefined : await ALONE[word]?.();
  return alone === undefined ? others() : alone.runAlone(words, program, others);
}
