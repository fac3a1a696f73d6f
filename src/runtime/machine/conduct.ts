/** The parent's half of a plan: waits for init, does the host steps that stand after each SYNC, and answers. */
import { closeSync } from "node:fs";
import type { Process } from "../../spec/index.ts";
import { reap, syscall } from "../../sys/index.ts";
import { SIGKILL } from "../compile/constants.ts";
import type { HostStep } from "../plan/host-step.ts";
import type { Plan } from "../plan/plan.ts";
import { type Failure, listen, reply, type Said } from "./dialogue.ts";
import { InitDied, OutsideRoot, PlanFailed, ProgramNotRunnable } from "./errors.ts";
import type { HostAnswer } from "./host-steps.ts";
import { type Launched, planFile } from "./launch.ts";

/** Carries out one host step; what it returns becomes part of the answer. */
export type Perform = (
  step: HostStep,
  said: Extract<Said, { kind: "sync" }>,
  pid: number,
) => HostAnswer | undefined;

/**
 * Talks with init until it closes the socket: at the gate, or at exec. Returns the pid of PID 1 (or of the exec'd
 * process), which is the launched one, or the one that its first stage cloned.
 * @throws {PlanFailed} {ProgramNotRunnable} {OutsideRoot} {InitDied}
 */
export function conduct(plan: Plan, process: Process | undefined, init: Launched, perform: Perform): number {
  // init counts the segments that it is sent; the first is the plan itself.
  const segments = [{ plan, steps: hostSteps(plan) }];
  const staged = isStaged(plan);
  let pid = staged ? undefined : init.pid;
  let created = false;
  try {
    for (;;) {
      const said = listen(init.socket);
      switch (said.kind) {
        case "pid":
          pid = said.pid;
          break;
        case "end": {
          if (created && pid !== undefined) return pid;
          const ended = reap(pid ?? init.pid, { wait: true });
          throw new InitDied(ended?.status ?? 0, ended?.signal);
        }
        case "fail":
          throw failure(segments[said.segment]?.plan ?? plan, process, said);
        case "sync": {
          const answer = answerTo(
            said,
            segments[said.segment]?.steps.get(said.record) ?? [],
            perform,
            pid ?? init.pid,
          );
          created ||= answer.created;
          if (answer.segment !== undefined)
            segments.push({ plan: answer.segment, steps: hostSteps(answer.segment) });
          send(init.socket, answer);
          break;
        }
        default:
          said satisfies never;
      }
    }
  } catch (error) {
    // The caller has the first stage in hand; the process that it cloned is ours as well.
    if (staged && pid !== undefined) {
      syscall("kill", pid, SIGKILL);
      reap(pid, { wait: true });
    }
    throw error;
  }
}

function answerTo(
  said: Extract<Said, { kind: "sync" }>,
  steps: readonly HostStep[],
  perform: Perform,
  pid: number,
): HostAnswer & { created: boolean } {
  const answer: HostAnswer & { created: boolean } = { created: false };
  try {
    for (const step of steps)
      Object.assign(answer, perform(step, said, pid), step.kind === "state" && { created: true });
    return answer;
  } finally {
    for (const descriptor of said.descriptors) closeSync(descriptor);
  }
}

function send(socket: number, { values = [], segment }: HostAnswer): void {
  const file = segment === undefined ? undefined : planFile(segment);
  // A dead init is heard at the next turn: its end of the socket is closed.
  reply(socket, { values, ...(file !== undefined && { segment: file }) });
  if (file !== undefined) closeSync(file);
}

/** Whether a first stage clones PID 1, which then tells its pid. */
function isStaged(plan: Plan): boolean {
  return plan.records.some((record) => record.kind === "call" && record.call === "clone3");
}

/** The host steps by the record that they follow. */
function hostSteps(plan: Plan): Map<number, HostStep[]> {
  const after = new Map<number, HostStep[]>();
  let record = -1;
  for (const step of plan.steps) {
    if (step.kind === "record") record = step.index;
    else after.set(record, [...(after.get(record) ?? []), step.step]);
  }
  return after;
}

/** The sentence for a failed record: what callers know how to read where they read it, else the field and the call. */
export function failure(plan: Plan, process: Process | undefined, { record, errno }: Failure): Error {
  const failed = plan.records[record];
  if (failed?.section.field === "process.args")
    return new ProgramNotRunnable(process?.args?.[0] ?? "", errno);
  if (failed?.kind === "fail" && failed.section.field === "process.cwd")
    return new OutsideRoot(process?.cwd ?? "");
  return new PlanFailed(plan, record, errno);
}
