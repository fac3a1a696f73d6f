/** `--health-cmd` and its like, over what the image says. Source: docker run reference, healthchecks; Dockerfile reference, HEALTHCHECK. */
import type { Healthcheck } from "../../spec/index.ts";
import { parseDuration } from "./duration.ts";
import { InvalidOption } from "./error.ts";

/** What is done with a container that has become unhealthy; podman's words. */
export type HealthFailureAction = "none" | "kill" | "restart" | "stop";

/** How it is found out whether a container works. */
export interface HealthCheck {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So long after the start a failure does not count, until one check has been passed. */
  readonly startPeriodMs: number;
  /** Between checks, in that time. */
  readonly startIntervalMs: number;
  /** So many failures in a row, and it is unhealthy. */
  readonly retries: number;
  readonly onFailure: HealthFailureAction;
}

/** The flags; absent: as the image has it. */
export interface HealthWords {
  readonly command?: string | undefined;
  readonly interval?: string | undefined;
  readonly timeout?: string | undefined;
  readonly startPeriod?: string | undefined;
  readonly startInterval?: string | undefined;
  readonly retries?: number | undefined;
  readonly onFailure?: string | undefined;
  readonly isOff: boolean;
}

/** The flags as parsed, to be completed by what the image says. */
export type HealthRequest = Partial<HealthCheck> & { readonly isOff: boolean };

const DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5000,
  retries: 3,
};
const NANOSECONDS = 1_000_000;
/** A check more often than that would be a load of its own. */
const MIN_MS = 1;

/** @throws {InvalidOption} */
export function parseHealth(words: HealthWords): HealthRequest {
  const { command, retries, onFailure = "none", isOff } = words;
  const asked = [command, words.interval, words.timeout, words.startPeriod, words.startInterval, retries];
  if (isOff && asked.some((word) => word !== undefined))
    throw new InvalidOption(
      { option: "--no-healthcheck", value: "" },
      "--no-healthcheck conflicts with --health-* options",
    );
  if (!isAction(onFailure))
    throw new InvalidOption(
      { option: "--health-on-failure", value: onFailure },
      `invalid action "${onFailure}" for --health-on-failure: wants none, kill, restart or stop`,
    );
  if (retries !== undefined && retries < 0)
    throw new InvalidOption(
      { option: "--health-retries", value: `${retries}` },
      "--health-retries cannot be negative",
    );
  const time = (text: string | undefined, option: string): number | undefined => {
    if (text === undefined) return undefined;
    const found = parseDuration(text, option);
    if (found !== 0 && found < MIN_MS)
      throw new InvalidOption({ option, value: text }, `${option} cannot be less than 1ms`);
    return found || undefined;
  };
  const fields = {
    command: command === undefined || command === "" ? undefined : commandOf(command),
    intervalMs: time(words.interval, "--health-interval"),
    timeoutMs: time(words.timeout, "--health-timeout"),
    startPeriodMs: time(words.startPeriod, "--health-start-period"),
    startIntervalMs: time(words.startInterval, "--health-start-interval"),
    retries: retries || undefined,
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { ...given, onFailure, isOff: isOff || command === "none" };
}

/** A line for the shell, or, as a JSON list of texts, a program and its arguments. */
function commandOf(text: string): readonly string[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every((word) => typeof word === "string") && list.length > 0) return list;
  } catch {
    // Most lines for a shell are no JSON.
  }
  return ["/bin/sh", "-c", text];
}

function isAction(text: string): text is HealthFailureAction {
  return text === "none" || text === "kill" || text === "restart" || text === "stop";
}

/** What the image says and the flags say, together; undefined: nothing is to be checked. */
export function healthCheckOf(
  image: Healthcheck | undefined,
  shell: readonly string[] | undefined,
  { isOff, ...asked }: HealthRequest,
): HealthCheck | undefined {
  if (isOff) return undefined;
  const command = asked.command ?? testOf(image?.Test ?? [], shell);
  if (command === undefined) return undefined;
  const said = (nanoseconds: number | undefined) => (nanoseconds ? nanoseconds / NANOSECONDS : undefined);
  return {
    command,
    intervalMs: asked.intervalMs ?? said(image?.Interval) ?? DEFAULTS.intervalMs,
    timeoutMs: asked.timeoutMs ?? said(image?.Timeout) ?? DEFAULTS.timeoutMs,
    startPeriodMs: asked.startPeriodMs ?? said(image?.StartPeriod) ?? DEFAULTS.startPeriodMs,
    startIntervalMs: asked.startIntervalMs ?? said(image?.StartInterval) ?? DEFAULTS.startIntervalMs,
    retries: asked.retries ?? (image?.Retries || DEFAULTS.retries),
    onFailure: asked.onFailure ?? "none",
  };
}

function testOf(
  [kind, ...words]: readonly string[],
  shell: readonly string[] = [],
): readonly string[] | undefined {
  if (kind === "CMD" && words.length > 0) return words;
  if (kind === "CMD-SHELL" && words.length > 0)
    return [...(shell.length > 0 ? shell : ["/bin/sh", "-c"]), words.join(" ")];
  return undefined;
}
