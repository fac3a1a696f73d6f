/** How the steps from a reference to PID 1 look: a line each for people, a JSON object each for programs. On stderr. */
import { printError } from "../base/index.ts";
import type { Step, StepObserver } from "../engine/index.ts";
import { count, encodeDuration, encodeSize, printable, shortDigest } from "./text.ts";

export type TraceFormat = "text" | "json";

/** Prints each step in `format`; without one, nothing. */
export function tracePrinter(format: TraceFormat | undefined): StepObserver {
  switch (format) {
    case undefined:
      return () => undefined;
    case "json":
      return (step) => printError(`${JSON.stringify(step)}\n`);
    case "text":
      return (step) => printError(encodeStep(step));
  }
}

const KIND_COLUMN = 9;
const TIME_COLUMN = 90;

/** `resolve  …        1.2 ms`: the time is aligned where the line is short enough for it. */
export function encodeStep(step: Step): string {
  const line = `${step.kind.padEnd(KIND_COLUMN)}${describe(step)}`;
  return `${line.padEnd(TIME_COLUMN)} ${encodeDuration(step.durationMs).padStart(9)}\n`;
}

function describe(step: Step): string {
  switch (step.kind) {
    case "resolve": {
      const platform = step.platforms === 0 ? step.platform : `index, ${step.platform} of ${step.platforms}`;
      const where = step.from === "store" ? ", known here" : "";
      return `${step.reference} is ${shortDigest(step.digest)} (${platform}${where})`;
    }
    case "pull":
      return `${count(step.layers, "layer")}, ${encodeSize(step.fetchedBytes)} from the registry, ${encodeSize(step.presentBytes)} here already`;
    case "unpack": {
      if (step.chainID === undefined) return "no layers";
      const done = step.unpacked === 0 ? "unpacked already" : count(step.entries, "entry", "entries");
      return `chainID ${shortDigest(step.chainID)}, ${done}`;
    }
    case "bundle":
      return `${shortPath(step.path)}: ${count(step.mounts, "mount")}, ${count(step.capabilities, "capability", "capabilities")}, ${count(step.seccompRules, "seccomp rule")}`;
    case "create": {
      const calls =
        step.systemCalls === undefined
          ? `by ${step.runtime.slice(step.runtime.lastIndexOf("/") + 1)}`
          : count(step.systemCalls, "system call");
      return `${calls}; new ${step.namespaces.map(shortNamespace).join(" ")}; cgroup ${shortPath(step.cgroup)}; pid ${step.pid}`;
    }
    case "start":
      return `exec ${shortened(step.args.join(" "))} as PID 1`;
    default:
      return step satisfies never;
  }
}

const ARGS_CHARACTERS = 60;

/** One line of `text`, which an image may have written, as long as fits. */
function shortened(text: string): string {
  const line = printable(text);
  return line.length <= ARGS_CHARACTERS ? line : `${line.slice(0, ARGS_CHARACTERS - 1)}…`;
}

/** 64 digits of a container's ID say no more than 8. */
function shortPath(path: string): string {
  return path.replaceAll(/([0-9a-f]{8})[0-9a-f]{56}/g, "$1…");
}

/** As the kernel names them in /proc/PID/ns. */
function shortNamespace(type: string): string {
  return type === "mount" ? "mnt" : type === "network" ? "net" : type;
}
