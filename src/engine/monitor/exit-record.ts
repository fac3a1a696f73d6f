/** What a monitor leaves of an ended container: one file, on disk before anyone was told. */
import type { HostPath } from "../../base/index.ts";
import { existsSync, readTextIfAnySync } from "../../sys/index.ts";

/** How a container ended. */
export interface ExitRecord {
  /** The pid of the monitor that wrote it. */
  readonly monitor: number;
  readonly pid: number;
  /** The program's, or 128 + signal. */
  readonly status: number;
  /** 0: it ended by itself. */
  readonly signal: number;
  /** How many of its processes the kernel killed for want of memory. */
  readonly oomKills: number;
  /** Milliseconds since 1970. */
  readonly finishedAt: number;
}

/** The exit status of one whose owner was killed before it could tell: 128 + SIGKILL. */
export const UNKNOWN_STATUS = 137;

/** The record in `directory`, if the container has ended under a monitor that lived to see it. */
export function readExitRecord(directory: HostPath): ExitRecord | undefined {
  const file = `${directory}/exit`;
  // Of those that run there is none, and an error for each is what most of a long list would cost.
  if (!existsSync(file)) return undefined;
  const text = readTextIfAnySync(file);
  // What no disk was waited for a power cut may leave empty; its monitor is gone as well.
  if (text === undefined || text === "") return undefined;
  // Written whole or not at all by a monitor of ours; version 1 is the only one so far.
  const { finishedAt, ...others } = JSON.parse(text) as Omit<ExitRecord, "finishedAt"> & {
    finishedAt: string;
  };
  return { ...others, finishedAt: Date.parse(finishedAt) };
}
