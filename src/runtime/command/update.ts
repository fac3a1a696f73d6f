/** `update`: other limits for a container that exists. Devices are never rewritten. */
import { readFileSync } from "node:fs";
import { TeuError } from "../../base/index.ts";
import { type Integer64, parseResources, type Resources } from "../../spec/index.ts";
import { updateResctrl } from "../resctrl/group.ts";
import { updateContainer } from "../update.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

/** A flag's value is no amount. The words are runc's. */
export class InvalidAmount extends TeuError<"invalid-amount", { flag: string; value: string }> {
  constructor(context: { flag: string; value: string }) {
    super(
      "invalid-amount",
      "invalid",
      context,
      `invalid value for ${context.flag}: ${JSON.stringify(context.value)}`,
    );
  }
}

const number = (summary: string) => ({ kind: "string", value: "N", summary }) as const;
const bytes = (summary: string) => ({ kind: "string", value: "BYTES", summary }) as const;

export const update = runtimeCommand({
  name: "update",
  summary: "update container resource constraints",
  flags: {
    resources: {
      kind: "string",
      short: "r",
      value: "FILE",
      summary:
        "path to the file containing the resources to update or '-' to read from the standard input; other flags are ignored then",
    },
    "blkio-weight": { kind: "integer", value: "N", summary: "per cgroup weight, 10 to 1000" },
    "cpu-period": number("CPU CFS period to be used for hardcapping, in microseconds"),
    "cpu-quota": number("CPU CFS hardcap limit, in microseconds"),
    "cpu-burst": number("CPU CFS hardcap burst limit, in microseconds"),
    "cpu-share": number("CPU shares (relative weight against other containers)"),
    "cpu-rt-period": number("CPU realtime period, in microseconds"),
    "cpu-rt-runtime": number("CPU realtime hardcap limit, in microseconds"),
    "cpuset-cpus": { kind: "string", value: "LIST", summary: "CPUs to use" },
    "cpuset-mems": { kind: "string", value: "LIST", summary: "memory nodes to use" },
    "cpu-idle": number("set cgroup SCHED_IDLE or not, 0: default behavior, 1: SCHED_IDLE"),
    memory: bytes("memory limit"),
    "memory-reservation": bytes("memory reservation or soft limit"),
    "memory-swap": bytes("total memory usage (memory + swap); set '-1' to enable unlimited swap"),
    "kernel-memory": { ...bytes("obsolete"), hidden: true },
    "kernel-memory-tcp": { ...bytes("obsolete"), hidden: true },
    "pids-limit": { kind: "integer", value: "N", summary: "maximum number of pids allowed in the container" },
    "l3-cache-schema": {
      kind: "string",
      value: "SCHEMA",
      summary: "the string of Intel RDT/CAT L3 cache schema",
    },
    "mem-bw-schema": {
      kind: "string",
      value: "SCHEMA",
      summary: "the string of Intel RDT/MBA memory bandwidth schema",
    },
  },
  arguments: [containerArgument],
  examples: [{ command: "runc update --pids-limit 100 ubuntu01", says: "Allow a container 100 processes" }],
  async run({ flags, arguments: [id = ""] }, { root }) {
    const { resources: file, "l3-cache-schema": l3CacheSchema, "mem-bw-schema": memBwSchema } = flags;
    const resources = file
      ? parseResources(readFileSync(file === "-" ? 0 : file, "utf8"), file === "-" ? "standard input" : file)
      : resourcesOf(flags);
    const saved = await updateContainer(root, id, resources);
    updateResctrl(saved.resctrl, {
      ...(l3CacheSchema && { l3CacheSchema }),
      ...(memBwSchema && { memBwSchema }),
    });
    return 0;
  },
});

interface UpdateFlags {
  readonly [flag: string]: string | number | undefined;
}

/** @throws {InvalidAmount} */
export function resourcesOf(flags: UpdateFlags): Resources {
  const count = (flag: string): Integer64 | undefined => parseInteger(flag, flags[flag]);
  const size = (flag: string): Integer64 | undefined => parseSize(flag, flags[flag]);
  return {
    memory: present({
      limit: size("memory"),
      reservation: size("memory-reservation"),
      swap: size("memory-swap"),
    }),
    cpu: present({
      shares: count("cpu-share"),
      period: count("cpu-period"),
      quota: count("cpu-quota"),
      burst: count("cpu-burst"),
      realtimePeriod: count("cpu-rt-period"),
      realtimeRuntime: count("cpu-rt-runtime"),
      idle: count("cpu-idle"),
      cpus: flags["cpuset-cpus"] as string | undefined, // a string flag
      mems: flags["cpuset-mems"] as string | undefined,
    }),
    pids: present({ limit: flags["pids-limit"] as number | undefined }), // an integer flag
    blockIO: present({ weight: flags["blkio-weight"] as number | undefined }),
  };
}

/** The same object without what is undefined. */
function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function parseInteger(flag: string, value: string | number | undefined): Integer64 | undefined {
  const text = String(value ?? "");
  if (text === "") return undefined;
  if (!/^-?\d{1,19}$/.test(text)) throw new InvalidAmount({ flag, value: text });
  return BigInt(text);
}

const UNITS = "kmgtpe";

/** `512m`, `1.5GiB`, `-1`: binary units, as docker's go-units has them. */
export function parseSize(flag: string, value: string | number | undefined): Integer64 | undefined {
  const text = String(value ?? "");
  if (text === "") return undefined;
  if (text === "-1") return -1;
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?) ?(?:([kmgtpe])i?)?b?$/i.exec(text) ?? [];
  if (amount === "") throw new InvalidAmount({ flag, value: text });
  const power = unit === "" ? 0 : UNITS.indexOf(unit.toLowerCase()) + 1;
  return amount.includes(".")
    ? Math.floor(Number(amount) * 1024 ** power)
    : BigInt(amount) * 1024n ** BigInt(power);
}
