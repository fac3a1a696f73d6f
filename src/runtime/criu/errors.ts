/** What can go wrong between this runtime and CRIU. */
import { TeuError } from "../../base/index.ts";

/** There is no criu to ask. */
export class CriuMissing extends TeuError<"criu-missing", { path: string }> {
  constructor(context: { path: string }) {
    super(
      "criu-missing",
      "failed-precondition",
      context,
      `exec: "criu": executable file not found in $PATH: install CRIU, for instance by "apt-get install criu"`,
    );
  }
}

/** CRIU is older than what was asked for needs, or the kernel has not what it needs. */
export class CriuLacks extends TeuError<"criu-lacks", { what: string; why: string }> {
  constructor(context: { what: string; why: string }) {
    super("criu-lacks", "unsupported", context, `Unsupported ${context.what}: ${context.why}`);
  }
}

/** CRIU said that it failed, or ended without a word. Its log says more. The words in front are runc's. */
export class CriuFailed extends TeuError<
  "criu-failed",
  { type: string; why: string; logFile: string | undefined; lines: readonly string[] }
> {
  constructor(context: { type: string; why: string; logFile: string | undefined; lines: readonly string[] }) {
    const { type, why, logFile, lines } = context;
    const quoted = lines.length === 0 ? "" : `: ${lines.join("; ")}`;
    const where = logFile === undefined ? "" : ` (log file: ${logFile})`;
    super("criu-failed", "failed-precondition", context, `criu failed: type ${type} ${why}${quoted}${where}`);
  }
}
