/** What can go wrong between a plan and a running process, as errors that name the field of config.json. */
import { TeuError } from "../../base/index.ts";
import { architecture, errnoName, errnoSentence, SystemCallFailed } from "../../sys/index.ts";
import { recordAt } from "../plan/decode.ts";
import { isConfigField, memberOf } from "../plan/field.ts";
import { type Plan, sectionOf } from "../plan/plan.ts";
import { describeRecord } from "../plan/print.ts";

/** A record of the plan failed in init. */
export class PlanFailed extends TeuError<
  "plan-failed",
  { field: string; clause: string; record: number; call: string; errno: string }
> {
  constructor(plan: Plan, index: number, number: number, hint?: string) {
    const { field: section = "plan", clause = "" } = sectionOf(plan, index) ?? {};
    const call = describeRecord(plan, recordAt(plan, index, architecture));
    const field = memberOf(section, call);
    const errno = errnoName(number);
    super(
      "plan-failed",
      errno === "EPERM" || errno === "EACCES" ? "permission-denied" : "failed-precondition",
      { field, clause, record: index, call, errno },
      `${field}: ${call}: ${errnoSentence(number)}`,
      hint === undefined ? undefined : { hint },
    );
  }
}

/** What the image or a mount has in the place of a device is another thing. */
export class NotThatDevice extends TeuError<"not-that-device", { field: string }> {
  /** @param field  `/dev`, or that of config.json with the path. */
  constructor(
    field: string,
    { name, type, major, minor }: { name: string; type: string; major: number; minor: number },
  ) {
    const at = field === "/dev" ? `/dev/${name}` : field;
    super(
      "not-that-device",
      "failed-precondition",
      { field: at },
      `${at}: something else is there than the device ${type} ${major}:${minor}`,
    );
  }
}

/** A call of the parent's, for a field of config.json, failed: before init was there, or while it waited. */
export class StepFailed extends TeuError<"step-failed", { field: string; call: string; errno: string }> {
  constructor(field: string, cause: SystemCallFailed) {
    const { call, errno } = cause.context;
    super("step-failed", cause.kind, { field, call, errno }, `${field}: ${cause.message}`, { cause });
  }
}

/** Does `step` for `field`. @throws {StepFailed} where that is one of config.json and a call fails */
export function naming<T>(field: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof SystemCallFailed && isConfigField(field) ? new StepFailed(field, error) : error;
  }
}

/** The program that the container should run cannot be run. Callers of runc match these texts. */
export class ProgramNotRunnable extends TeuError<"program-not-runnable", { program: string; errno: string }> {
  /** As shells have it: 127 for a missing program, 126 for one that may not be executed. */
  readonly exitStatus: 126 | 127;
  /** @param call  Whether the program was not found, or found and not executed. */
  constructor(program: string, number: number, call: "lookup" | "execve") {
    const errno = errnoName(number);
    const isMissing = errno === "ENOENT" || errno === "ENOTDIR";
    super(
      "program-not-runnable",
      isMissing ? "not-found" : "failed-precondition",
      { program, errno },
      call === "execve" && program.includes("/")
        ? `exec ${program}: ${errnoSentence(number)}`
        : `exec: ${JSON.stringify(program)}: ${lookupWords(program, isMissing, errnoSentence(number))}`,
    );
    this.exitStatus = isMissing ? 127 : 126;
  }
}

function lookupWords(program: string, isMissing: boolean, sentence: string): string {
  if (!isMissing) return sentence;
  return program.includes("/") ? `stat ${program}: ${sentence}` : "executable file not found in $PATH";
}

/** The working directory leads out of the container. Source: runc, the same words. */
export class OutsideRoot extends TeuError<"outside-root", { cwd: string }> {
  constructor(cwd: string) {
    super(
      "outside-root",
      "permission-denied",
      { cwd },
      "current working directory is outside of container mount namespace root -- possible container breakout detected",
    );
  }
}

/** What stands at a destination below /proc or /sys is a link, or no directory (2019-19921). The words are runc's. */
export class NotOrdinaryDirectory extends TeuError<"not-ordinary-directory", { field: string }> {
  constructor(field: string) {
    const destination = field.slice(field.indexOf(" ") + 1);
    super(
      "not-ordinary-directory",
      "failed-precondition",
      { field },
      `${field}: ${JSON.stringify(destination)} must be mounted on ordinary directory`,
    );
  }
}

/** A destination turned out to lie in a procfs, or what should cover /proc to be none. The words are runc's. */
export class CoversProc extends TeuError<"covers-proc", { field: string }> {
  constructor(field: string) {
    const destination = field.slice(field.indexOf(" ") + 1);
    const why = /^\/*proc\/*$/.test(destination) ? "it is not of type proc" : "it is inside /proc";
    super(
      "covers-proc",
      "permission-denied",
      { field },
      `${field}: ${JSON.stringify(destination)} cannot be mounted because ${why}`,
    );
  }
}

/** init ended before it had said that the container is created: killed, or out of memory. */
export class InitDied extends TeuError<"init-died", { status: number; signal: number | undefined }> {
  constructor(status: number, signal: number | undefined) {
    const how = signal === undefined ? `exit status ${status}` : `signal ${signal}`;
    super(
      "init-died",
      "failed-precondition",
      { status, signal },
      `The container's init ended before the container was created (${how})`,
      signal === 9 ? { hint: "It was killed: perhaps the memory limit is too low" } : undefined,
    );
  }
}
