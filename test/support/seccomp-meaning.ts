/**
 * What a seccomp profile means, said as plainly as possible: no tables of segments, no halves, no jumps. The compiled
 * filter must agree with it on every call.
 */
import type { Seccomp, SeccompAction, SeccompArgument, SeccompRule } from "../../src/spec/index.ts";
import type { SeccompData } from "./bpf.ts";

/** A calling convention as this evaluation sees it. */
export interface Convention {
  readonly name: string;
  readonly audit: number;
  readonly bits: 32 | 64;
  readonly numbers: ReadonlyMap<string, number>;
}

const X32_BIT = 0x4000_0000;
const RETURNS: Record<SeccompAction, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x3_0000,
  SCMP_ACT_ERRNO: 0x5_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
};
/** From the most severe to the mildest. */
const ORDER = ["KILL_PROCESS", "KILL_THREAD", "KILL", "TRAP", "ERRNO", "NOTIFY", "TRACE", "LOG", "ALLOW"].map(
  (name) => `SCMP_ACT_${name}` as SeccompAction,
);
const PERMISSIVE: readonly SeccompAction[] = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"];

function returned(action: SeccompAction, errno: number | undefined): number {
  const carries = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return RETURNS[action] + (carries ? (errno ?? 1) : 0);
}

function holds(
  { index, op, value, valueTwo }: SeccompArgument,
  args: readonly bigint[],
  bits: number,
): boolean {
  const actual = BigInt.asUintN(bits, args[index] ?? 0n);
  const first = BigInt.asUintN(bits, BigInt(value));
  const second = BigInt.asUintN(bits, BigInt(valueTwo ?? 0));
  switch (op) {
    case "SCMP_CMP_EQ":
      return actual === first;
    case "SCMP_CMP_NE":
      return actual !== first;
    case "SCMP_CMP_LT":
      return actual < first;
    case "SCMP_CMP_LE":
      return actual <= first;
    case "SCMP_CMP_GT":
      return actual > first;
    case "SCMP_CMP_GE":
      return actual >= first;
    case "SCMP_CMP_MASKED_EQ":
      return (actual & first) === second;
  }
}

/** All conditions must hold, or any when two of them are about one argument. */
function fits(rule: SeccompRule, args: readonly bigint[], bits: number): boolean {
  const conditions = rule.args ?? [];
  const indexes = conditions.map(({ index }) => index);
  if (new Set(indexes).size < indexes.length) return conditions.some((one) => holds(one, args, bits));
  return conditions.every((one) => holds(one, args, bits));
}

const SOCKETCALL =
  " socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg".split(
    " ",
  );
const IPC: Record<number, string> = {
  1: "semop",
  2: "semget",
  3: "semctl",
  4: "semtimedop",
  11: "msgsnd",
  12: "msgrcv",
  13: "msgget",
  14: "msgctl",
  21: "shmat",
  22: "shmdt",
  23: "shmget",
  24: "shmctl",
};

/** What 32-bit x86 was asked for through socketcall or ipc. */
function hidden(name: string | undefined, args: readonly bigint[]): string | undefined {
  const select = Number((args[0] ?? 0n) & 0xffff_ffffn);
  if (name === "socketcall") return SOCKETCALL[select];
  return name === "ipc" ? IPC[select & 0xffff] : undefined;
}

function carrierOf(name: string): string | undefined {
  if (name !== "" && SOCKETCALL.includes(name)) return "socketcall";
  return Object.values(IPC).includes(name) ? "ipc" : undefined;
}

/** @param conventions  Of this machine, its own first. */
export function meaningOf(seccomp: Seccomp, conventions: readonly Convention[], call: SeccompData): number {
  const otherwise = returned(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const isX32 = call.nr >= X32_BIT && conventions[0]?.name === "SCMP_ARCH_X86_64";
  const used = conventions.find(
    ({ name, audit }) =>
      audit === call.arch && (audit !== conventions[0]?.audit || isX32 === (name === "SCMP_ARCH_X32")),
  );
  const named = used !== undefined && (used === conventions[0] || seccomp.architectures?.includes(used.name));
  if (!named) return isX32 && call.arch === conventions[0]?.audit && call.nr === 0xffff_ffff ? otherwise : 0;

  const nr = used.name === "SCMP_ARCH_X32" ? call.nr - X32_BIT : call.nr;
  const names = [...used.numbers].filter(([, number]) => number === nr).map(([name]) => name);
  const carried = used.name === "SCMP_ARCH_X86" ? hidden(names[0], call.args) : undefined;

  const rules = (seccomp.syscalls ?? []).filter((rule) => returned(rule.action, rule.errnoRet) !== otherwise);
  const direct = (rule: SeccompRule): boolean => rule.names.some((name) => names.includes(name));
  const unconditional = rules.find((rule) => direct(rule) && (rule.args ?? []).length === 0);
  if (unconditional !== undefined) return returned(unconditional.action, unconditional.errnoRet);
  for (const rule of rules) {
    const value = returned(rule.action, rule.errnoRet);
    if (direct(rule) && fits(rule, call.args, used.bits)) return value;
    if (carried === undefined || !rule.names.includes(carried)) continue;
    const stricter = ORDER.indexOf(rule.action) < ORDER.indexOf(seccomp.defaultAction);
    if ((rule.args ?? []).length === 0 || stricter) return value;
  }

  // A rule that says something about a hidden call knows the call that hides it.
  const known = (seccomp.syscalls ?? []).flatMap((rule) =>
    rule.names.flatMap((name) => {
      const carrier = used.name === "SCMP_ARCH_X86" && rules.includes(rule) ? carrierOf(name) : undefined;
      return [name, carrier ?? name].map((one) => used.numbers.get(one) ?? -1);
    }),
  );
  const newest = Math.max(-1, ...known.filter((number) => number < 0xf_0000));
  const isPrivate = used.name === "SCMP_ARCH_ARM" && nr >= 0xf_0000 && nr < 0xf_0800;
  if (newest >= 0 && nr > newest && !isPrivate && !PERMISSIVE.includes(seccomp.defaultAction))
    return 0x5_0000 + 38;
  return otherwise;
}
