/** The parent's half of a plan: waits for init, does the host steps that stand after each SYNC, and answers. */
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { architecture, closeSync, errno, syscall } from "../../sys/index.ts";
import type { CreatePlan } from "../compile/compile.ts";
import { SIGKILL } from "../compile/constants.ts";
import { recordAt } from "../plan/decode.ts";
import { isConfigField } from "../plan/field.ts";
import type { HostStep } from "../plan/host-step.ts";
import { type PlacedHostStep, type Plan, sectionOf } from "../plan/plan.ts";
import { type Failure, listen, reply, type Said } from "./dialogue.ts";
import {
  CoversProc,
  InitDied,
  NotOrdinaryDirectory,
  NotThatDevice,
  naming,
  OutsideRoot,
  PlanFailed,
  ProgramNotRunnable,
} from "./errors.ts";
import { hookFailure } from "./hooks.ts";
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
 * @throws {PlanFailed} {ProgramNotRunnable} {OutsideRoot} {HookFailed} {InitDied}
 */
export function conduct(
  plan: CreatePlan,
  { process, hooks }: Pick<RuntimeConfig, "process" | "hooks">,
  init: Launched,
  perform: Perform,
): number {
  // init counts the segments that it is sent; the first is the plan itself.
  const segments: { plan: Plan; steps: Map<number, PlacedHostStep[]> }[] = [{ plan, steps: hostSteps(plan) }];
  const staged = plan.isStaged;
  let pid = staged ? undefined : init.pid;
  let created = false;
  try {
    for (;;) {
      const said = listen(init.socket);
      // The stage tells the pid of PID 1, which may well be faster and speak before it does.
      if (staged && said.sender !== undefined && said.sender !== init.pid) pid ??= said.sender;
      switch (said.kind) {
        case "pid":
          pid = said.pid;
          break;
        case "end": {
          if (created && pid !== undefined) return pid;
          const ended = init.parent.reap(pid ?? init.pid);
          // Its number may be somebody else's by now.
          if (ended !== undefined) pid = undefined;
          throw new InitDied(ended?.status ?? 0, ended?.signal);
        }
        case "fail":
          throw failure(segments[said.segment]?.plan ?? plan, process, said);
        case "listener": {
          const all = segments.flatMap(({ plan: { hostSteps } }) => hostSteps);
          for (const { step } of all.filter(({ step }) => step.kind === "listener"))
            perform(step, { ...NOTHING_SAID, values: [said.descriptor] }, pid ?? init.pid);
          reply(init.socket);
          break;
        }
        case "hook":
          throw hookFailure(said, hooks);
        case "sync": {
          const { plan: asking, steps } = segments[said.segment] ?? { plan, steps: new Map() };
          const field = sectionOf(asking, said.record)?.field ?? "";
          const answer = answerTo(said, field, steps.get(said.record) ?? [], perform, pid ?? init.pid);
          created ||= answer.created;
          if (answer.segment !== undefined)
            segments.push({ plan: within(field, answer.segment), steps: hostSteps(answer.segment) });
          send(init.socket, answer);
          break;
        }
        default:
          said satisfies never;
      }
    }
  } catch (error) {
    // The caller has the first stage in hand; the process that it cloned is left to us.
    if (staged && pid !== undefined) {
      syscall("kill", pid, SIGKILL);
      init.parent.reap(pid);
    }
    throw error;
  }
}

const NOTHING_SAID = { kind: "sync", segment: 0, record: 0, code: 0, values: [], descriptors: [] } as const;

/** @param field  What init was at when it asked. */
function answerTo(
  said: Extract<Said, { kind: "sync" }>,
  field: string,
  steps: readonly PlacedHostStep[],
  perform: Perform,
  pid: number,
): HostAnswer & { created: boolean } {
  const answer: HostAnswer & { created: boolean } = { created: false };
  try {
    for (const { step, section } of steps) {
      const about = isConfigField(section.field) ? section.field : field;
      Object.assign(
        answer,
        naming(about, () => perform(step, said, pid)),
      );
      if (step.kind === "state") answer.created = true;
    }
    return answer;
  } finally {
    for (const descriptor of said.descriptors) closeSync(descriptor);
  }
}

/** A segment that was asked for on the way of a field: what fails in it failed for that. */
function within(field: string, segment: Plan): Plan {
  const sections = segment.sections.map((section) =>
    isConfigField(field) && !isConfigField(section.field) ? { ...section, field } : section,
  );
  return { ...segment, sections };
}

function send(
  socket: number,
  { values = [], descriptors = [], bytes, segment, isLast = false }: HostAnswer,
): void {
  const file = segment === undefined ? undefined : planFile(segment);
  // A dead init is heard at the next turn: its end of the socket is closed.
  reply(socket, {
    values,
    descriptors,
    isLast,
    ...(bytes && { bytes }),
    ...(file !== undefined && { segment: file }),
  });
  for (const descriptor of file === undefined ? descriptors : [...descriptors, file]) closeSync(descriptor);
}

/** The host steps by the record that they follow. */
function hostSteps(plan: Plan): Map<number, PlacedHostStep[]> {
  const after = new Map<number, PlacedHostStep[]>();
  for (const placed of plan.hostSteps) {
    const steps = after.get(placed.after);
    if (steps === undefined) after.set(placed.after, [placed]);
    else steps.push(placed);
  }
  return after;
}

const NULL_DEVICE = { name: "null", type: "c", major: 1, minor: 3 };

/** Mounts whose destination is looked up without following a link. */
const STRICT = /^mounts\[\d+\] \/+(proc|sys)(\/|$)/;

/** The sentence for a failed record: what callers know how to read where they read it, else the field and the call. */
function failure(plan: Plan, process: Process | undefined, { record, errno: number }: Failure): Error {
  const field = sectionOf(plan, record)?.field;
  const failed = recordAt(plan, record, architecture);
  const isExec = failed.op === "call" && failed.call === "execve";
  if (field === "process.args")
    return new ProgramNotRunnable(process?.args?.[0] ?? "", number, isExec ? "execve" : "lookup");
  if (field === "process.cwd" && failed.op === "fail") return new OutsideRoot(process?.cwd ?? "");
  if (field?.startsWith("mounts[") && failed.op === "fail") return new CoversProc(field);
  const isLookup = failed.op === "call" && failed.call === "openat2";
  if (isLookup && STRICT.test(field ?? "") && (number === errno.ELOOP || number === errno.ENOTDIR))
    return new NotOrdinaryDirectory(field ?? "");
  if (failed.op === "fail" && number === errno.EEXIST) {
    // The answer to what was asked two records before.
    const asked = plan.hostSteps.find(
      ({ step, after }) => step.kind === "verify-device" && after === record - 2,
    );
    if (asked?.step.kind === "verify-device") return new NotThatDevice(field ?? "", asked.step);
  }
  if (failed.op === "fail" && number === errno.ENXIO && field === "/dev/null")
    return new NotThatDevice("/dev", NULL_DEVICE);
  return new PlanFailed(plan, record, number, hintFor(field ?? "", failed, number));
}

function hintFor(field: string, failed: ReturnType<typeof recordAt>, number: number): string | undefined {
  if (failed.op !== "call") return undefined;
  if (failed.call === "clone3" && number === errno.EAGAIN)
    return "As many processes as may be are in the container, or are its user's: see pids.max and RLIMIT_NPROC";
  if (!/^mounts\[\d+\]/.test(field)) return undefined;
  const isOther =
    (failed.call === "move_mount" && number === errno.EINVAL) ||
    (failed.call === "openat2" && number === errno.ENOTDIR);
  // Docker's question.
  return isOther ? "Are you trying to mount a directory onto a file (or vice-versa)?" : undefined;
}
