/** K4: native/probe.c in a container: its words are questions and deeds, its answers lines of JSON. */
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";

/** The program, static; `make native` builds it. */
export const PROBE: string = join(import.meta.dir, "../../native/out/probe.elf");

if (!existsSync(PROBE)) throw new Error(`Cannot find ${PROBE}: run \`make native\``);

/** One answer: the verb, and what the kernel said. */
export type ProbeAnswer = { readonly verb: string; readonly errno?: number } & Readonly<
  Record<string, unknown>
>;

/** Puts the program into a root file system as /bin/probe. */
export function installProbe(rootfs: string): void {
  copyFileSync(PROBE, join(rootfs, "bin/probe"));
}

/** The answers in what a container printed, in order; lines that are not the probe's are left out. */
export function probeAnswers(output: string): ProbeAnswer[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith('{"verb":'))
    .map((line) => JSON.parse(line));
}

/** The answer to `verb`. @throws {Error} It was not asked, or the container did not get so far. */
export function probeAnswer(output: string, verb: string): ProbeAnswer {
  const answer = probeAnswers(output).find((each) => each.verb === verb);
  if (answer === undefined) throw new Error(`The probe did not answer ${JSON.stringify(verb)}: ${output}`);
  return answer;
}
