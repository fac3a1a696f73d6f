/** How the making of a container fails, told apart as far as exit statuses tell it apart. */
import { TeuError } from "../../base/index.ts";

/** The runtime did not do what it was asked. */
export class RuntimeFailed extends TeuError<
  "runtime-failed",
  { runtime: string; operation: string; said: string }
> {
  constructor(context: { runtime: string; operation: string; said: string }, options?: { cause?: unknown }) {
    super(
      "runtime-failed",
      "failed-precondition",
      context,
      `Cannot ${context.operation} the container: ${context.said}`,
      options,
    );
  }
}

/** The program that the container is for is not in it. Exit status 127. */
export class ProgramNotFound extends TeuError<"program-not-found", { program: string }> {
  constructor(context: { program: string }, options?: { cause?: unknown }) {
    super(
      "program-not-found",
      "not-found",
      context,
      `Cannot start the program: exec: ${JSON.stringify(context.program)}: ${whyNotFound(context.program)}`,
      options,
    );
  }
}

/** Docker's words, by which its clients know it. */
function whyNotFound(program: string): string {
  return program.includes("/")
    ? `stat ${program}: no such file or directory`
    : "executable file not found in $PATH";
}

/** It is there, but cannot be executed. Exit status 126. */
export class ProgramNotExecutable extends TeuError<
  "program-not-executable",
  { program: string; why: string }
> {
  constructor(context: { program: string; why: string }, options?: { cause?: unknown }) {
    super(
      "program-not-executable",
      "permission-denied",
      context,
      `Cannot start the program: exec: ${JSON.stringify(context.program)}: ${context.why}`,
      options,
    );
  }
}

/** What a runtime that is not ours said, as the error that it means. Docker reads the same words. */
export function runtimeError(
  runtime: string,
  operation: string,
  said: string,
  program: string | undefined,
): Error {
  if (program !== undefined) {
    // Runtimes name the program; without its name, "no such file" may be about a mount.
    const isAboutProgram = said.includes("exec");
    if (/executable file (`.*` )?not found/.test(said)) return new ProgramNotFound({ program });
    if (isAboutProgram && /no such file or directory|not a directory/i.test(said))
      return new ProgramNotFound({ program });
    const why = /permission denied|is a directory|exec format error/i.exec(said)?.[0];
    if (isAboutProgram && why !== undefined)
      return new ProgramNotExecutable({ program, why: why.toLowerCase() });
  }
  return new RuntimeFailed({ runtime, operation, said });
}
