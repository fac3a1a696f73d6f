/** Limits as docker's flags ask for them, in the words of the runtime specification. Source: docker run reference, runtime constraints; moby daemon/daemon_unix.go. */
import { statSync } from "node:fs";
import type { Resources, ThrottleDevice, WeightDevice } from "../../spec/index.ts";
import { deviceNumbers } from "./device.ts";
import { InvalidOption } from "./error.ts";
import { parseCPUs, parseMemory, parseSize } from "./limits.ts";

/** The flags by their names; absent: as it is. */
export interface ResourceWords {
  readonly memory?: string | undefined;
  readonly "memory-reservation"?: string | undefined;
  readonly "memory-swap"?: string | undefined;
  readonly "memory-swappiness"?: number | undefined;
  readonly "oom-kill-disable"?: boolean;
  readonly cpus?: string | undefined;
  readonly "cpu-shares"?: number | undefined;
  readonly "cpu-period"?: number | undefined;
  readonly "cpu-quota"?: number | undefined;
  readonly "cpu-rt-period"?: number | undefined;
  readonly "cpu-rt-runtime"?: number | undefined;
  readonly "cpuset-cpus"?: string | undefined;
  readonly "cpuset-mems"?: string | undefined;
  readonly "pids-limit"?: number | undefined;
  readonly "blkio-weight"?: number | undefined;
  readonly "blkio-weight-device"?: readonly string[];
  readonly "device-read-bps"?: readonly string[];
  readonly "device-write-bps"?: readonly string[];
  readonly "device-read-iops"?: readonly string[];
  readonly "device-write-iops"?: readonly string[];
}

type Kinds = Pick<Resources, "memory" | "cpu" | "pids" | "blockIO">;

/** What the flags limit, and nothing else. @param online  How many processors there are. @throws {InvalidOption} */
export function parseResources(words: ResourceWords, online: number): Kinds {
  const pids = words["pids-limit"];
  return filled({
    memory: memoryOf(words),
    cpu: cpuOf(words, online),
    pids: pids === undefined ? undefined : { limit: pids <= 0 ? -1 : pids },
    blockIO: blockIOOf(words),
  });
}

/** `added` over `base`, limit by limit. */
export function mergeResources(base: Resources, added: Kinds): Resources {
  const kinds = Object.keys(added) as (keyof Kinds)[];
  return { ...base, ...Object.fromEntries(kinds.map((kind) => [kind, { ...base[kind], ...added[kind] }])) };
}

function memoryOf(words: ResourceWords): Resources["memory"] {
  const fail = (option: string, says: string) =>
    new InvalidOption({ option: `--${option}`, value: "" }, says);
  const limit = words.memory === undefined ? undefined : parseMemory(words.memory);
  const reservation = sizeOf(words, "memory-reservation");
  const swap = words["memory-swap"] === "-1" ? -1 : sizeOf(words, "memory-swap");
  const swappiness = words["memory-swappiness"];
  if (swap !== undefined && swap > 0) {
    if (limit === undefined)
      throw fail(
        "memory-swap",
        "You should always set the Memory limit when using Memoryswap limit, see usage",
      );
    if (swap < limit)
      throw fail("memory-swap", "Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (reservation !== undefined && limit !== undefined && reservation > limit)
    throw fail(
      "memory-reservation",
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    );
  if (swappiness !== undefined && (swappiness < -1 || swappiness > 100))
    throw fail("memory-swappiness", `Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  return orNothing({
    limit,
    reservation,
    swap,
    swappiness: swappiness === -1 ? undefined : swappiness,
    disableOOMKiller: words["oom-kill-disable"] || undefined,
  });
}

/** 0 is no limit, as docker has it. */
function sizeOf(words: ResourceWords, flag: "memory-reservation" | "memory-swap"): number | undefined {
  const text = words[flag];
  return (text === undefined ? undefined : parseSize(text, `--${flag}`)) || undefined;
}

const CPU_LIST = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;

function cpuOf(words: ResourceWords, online: number): Resources["cpu"] {
  const fail = (option: string, says: string) =>
    new InvalidOption({ option: `--${option}`, value: "" }, says);
  const share = words.cpus === undefined ? undefined : parseCPUs(words.cpus, online);
  const [period, quota] = [words["cpu-period"] || undefined, words["cpu-quota"] || undefined];
  if (share !== undefined && (period !== undefined || quota !== undefined))
    throw fail(
      "cpus",
      `Conflicting options: Nano CPUs and CPU ${period === undefined ? "Quota" : "Period"} cannot both be set`,
    );
  if (period !== undefined && (period < 1000 || period > 1_000_000))
    throw fail(
      "cpu-period",
      "CPU cfs period cannot be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  if (quota !== undefined && quota > 0 && quota < 1000)
    throw fail("cpu-quota", "CPU cfs quota cannot be less than 1ms (i.e. 1000)");
  for (const flag of ["cpuset-cpus", "cpuset-mems"] as const)
    if (words[flag] && !CPU_LIST.test(words[flag]))
      throw fail(flag, `Invalid value ${words[flag]} for ${flag.replace("-", " ")}`);
  return orNothing({
    quota: share?.quota ?? quota,
    period: share?.period ?? period,
    shares: words["cpu-shares"] || undefined,
    realtimePeriod: words["cpu-rt-period"] || undefined,
    realtimeRuntime: words["cpu-rt-runtime"] || undefined,
    cpus: words["cpuset-cpus"] || undefined,
    mems: words["cpuset-mems"] || undefined,
  });
}

function blockIOOf(words: ResourceWords): Resources["blockIO"] {
  const weight = words["blkio-weight"] || undefined;
  if (weight !== undefined && (weight < 10 || weight > 1000))
    throw new InvalidOption(
      { option: "--blkio-weight", value: `${weight}` },
      "Range of blkio weight is from 10 to 1000",
    );
  const rates = (flag: ThrottleFlag) =>
    words[flag]?.length ? words[flag].map((text) => throttleOf(text, flag)) : undefined;
  const weights = words["blkio-weight-device"] ?? [];
  return orNothing({
    weight,
    weightDevice: weights.length > 0 ? weights.map(weightOf) : undefined,
    throttleReadBpsDevice: rates("device-read-bps"),
    throttleWriteBpsDevice: rates("device-write-bps"),
    throttleReadIOPSDevice: rates("device-read-iops"),
    throttleWriteIOPSDevice: rates("device-write-iops"),
  });
}

type ThrottleFlag = "device-read-bps" | "device-write-bps" | "device-read-iops" | "device-write-iops";

/** `/dev/sda:1mb`, `/dev/sda:100`. */
function throttleOf(text: string, flag: ThrottleFlag): ThrottleDevice {
  const [path, value] = pathAndValue(text, flag);
  const rate = flag.endsWith("bps")
    ? parseSize(value, `--${flag}`)
    : /^\d+$/.test(value)
      ? Number(value)
      : -1;
  if (rate < 0) throw invalidPair(text, flag);
  return { ...numbersOf(path, text, flag), rate };
}

/** `/dev/sda:200`. */
function weightOf(text: string): WeightDevice {
  const flag = "blkio-weight-device";
  const [path, value] = pathAndValue(text, flag);
  const weight = Number(value);
  if (!/^\d+$/.test(value) || (weight !== 0 && (weight < 10 || weight > 1000))) throw invalidPair(text, flag);
  return { ...numbersOf(path, text, flag), weight };
}

function pathAndValue(text: string, flag: string): [string, string] {
  const at = text.lastIndexOf(":");
  if (at < 0 || !text.startsWith("/dev/")) throw invalidPair(text, flag);
  return [text.slice(0, at), text.slice(at + 1)];
}

function invalidPair(text: string, flag: string): InvalidOption {
  return new InvalidOption(
    { option: `--${flag}`, value: text },
    `Invalid value ${JSON.stringify(text)} for --${flag}: wants /dev/NAME:${flag.endsWith("bps") ? "SIZE" : "NUMBER"}`,
  );
}

function numbersOf(path: string, text: string, flag: string): { major: number; minor: number } {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined || !(found.isBlockDevice() || found.isCharacterDevice()))
    throw new InvalidOption({ option: `--${flag}`, value: text }, `--${flag}: ${path} is no device`);
  return deviceNumbers(found.rdev);
}

/** Without the keys that hold nothing; nothing if there are no others. */
function orNothing<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } | undefined {
  const kept = filled(fields);
  return Object.keys(kept).length > 0
    ? (kept as { [K in keyof T]: Exclude<T[K], undefined> }) // what is absent is optional where it goes
    : undefined;
}

function filled<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  }; // the filter leaves out exactly what the type leaves out
}
