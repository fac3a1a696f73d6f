/** Errors of our own runtime in the engine's words. */
import { hasCode } from "../../base/index.ts";
import { ProgramNotExecutable, ProgramNotFound } from "./errors.ts";

/** What fails because of the program to be run. @throws {ProgramNotFound} {ProgramNotExecutable} and whatever else `work` throws */
export async function inOurWords<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, "program-not-runnable")) throw error;
    const program = String(error.context["program"]);
    if (error.kind === "not-found") throw new ProgramNotFound({ program }, { cause: error });
    const why = error.message.slice(error.message.lastIndexOf(": ") + 2);
    throw new ProgramNotExecutable({ program, why }, { cause: error });
  }
}
