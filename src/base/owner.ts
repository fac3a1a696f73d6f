/**
 * Who works on a record. A pid alone names nobody: it is used again. With the moment the process started and the boot
 * that this was in, it names one process for ever, and what a killed teu left behind can be told from what is in use.
 */
/** One process of one boot. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks after boot, from /proc/PID/stat. */
  readonly startTime: number;
  readonly bootID: string;
  /** Of its pidfd, where the kernel gives each process one of its own: the quicker way to know it again. */
  readonly inode?: number;
}

let own: Owner | undefined;

/** This process. */
export function thisOwner(): Owner {
  own ??= { pid: process.pid, startTime: startTimeOf(process.pid) ?? 0, bootID: bootID() };
  return own;
}

/** Whether `owner` still runs. */
export function isAlive(owner: Owner): boolean {
  return owner.bootID === bootID() && startTimeOf(owner.pid) === owner.startTime;
}

const TICKS_PER_SECOND = 100; // USER_HZ, the same on all that teu runs on

/** For how long `owner` has been there, by the clock that nobody sets. */
export function ageMs({ startTime }: Owner): number {
  const [uptime = ""] = readText("/proc/uptime").split(" ");
  return Math.round(Number(uptime) * 1000 - (startTime * 1000) / TICKS_PER_SECOND);
}

/** When process `pid` started, or undefined when there is none (a zombie counts as none: it works on nothing). */
export function startTimeOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readText(`/proc/${pid}/stat`);
  } catch {
    return undefined; // ENOENT, or ESRCH when it ends while we read
  }
  // The second field is the name in parentheses and may hold anything, even ") ": count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  return state === "Z" || state === "X" ? undefined : Number(fields[19]);
}

/** node:fs is loaded here: who takes this layer for something else shall not pay for it. */
function readText(path: string): string {
  return process.getBuiltinModule("node:fs").readFileSync(path, "utf8");
}

let boot: string | undefined;

/** The ID of this boot of the machine, which no process outlives. */
export function bootID(): string {
  boot ??= readText("/proc/sys/kernel/random/boot_id").trim();
  return boot;
}
