/**
 * Starts a native program with chosen namespaces, cgroup and descriptors, without a fork back into JavaScript.
 * The child gets exactly the descriptors named here, at 0, 1, 2 …, default signal actions and an empty signal mask.
 */
import { addressOf, cString, spawnRaw, syscall } from "./binding.ts";
import { check } from "./errno.ts";

/** What to start. */
export interface Spawn {
  /** Descriptor of a static program, for instance a sealed memfd; or the absolute path of any. */
  readonly executable: number | string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** The child's descriptors 0, 1, 2 …; -1 leaves a number closed. At most 256. */
  readonly descriptors: readonly number[];
  /** CLONE_NEW* and CLONE_PARENT. */
  readonly cloneFlags?: number;
  /** Descriptor of a cgroup v2 directory to be born in. */
  readonly cgroup?: number;
  /** Its working directory; the caller's if absent. */
  readonly directory?: string;
}

const CLONE_INTO_CGROUP = 0x2_0000_0000n;
const SIGCHLD = 17;
/** Words of `struct spawn` before its descriptors, and where two of them stand. */
const FIXED_WORDS = 11;
const PIDFD = 9;
const ERROR = 10;
const MAX_DESCRIPTORS = 256;
const WNOHANG = 1;

/** Starts the program. The caller closes `pidfd` and reaps `pid`. @throws {SystemCallFailed} */
export function spawn(options: Spawn): { pid: number; pidfd: number } {
  const block = encodeBlock(options);
  const pid = check(spawnRaw(block), "clone3");
  const failure = Number(block[ERROR]);
  if (failure < 0) {
    syscall("wait4", pid, 0, 0, 0);
    syscall("close", Number(block[PIDFD]));
    if (typeof options.executable === "string") check(failure, "execve", options.executable);
    check(failure, "execveat");
  }
  return { pid, pidfd: Number(block[PIDFD]) };
}

/** `struct spawn`, then the two pointer tables, then their texts: one allocation, so that one reference keeps it all alive. */
function encodeBlock(options: Spawn): BigInt64Array {
  const { executable, argv, env, descriptors, cloneFlags = 0, cgroup, directory } = options;
  const path = typeof executable === "string" ? executable : undefined;
  const texts = [...argv, ...env, path ?? "", directory ?? ""].map((text) => cString(text));
  const tables = FIXED_WORDS + MAX_DESCRIPTORS;
  const words = argv.length + env.length + 2;
  const textWords = Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / 8);
  // The buffer first: asking a small typed array for its buffer later would move its bytes.
  const block = new BigInt64Array(new ArrayBuffer((tables + words + textWords) * 8));
  const base = BigInt(addressOf(block));
  const bytes = new Uint8Array(block.buffer);
  let entry = tables;
  let offset = (tables + words) * 8;
  const addresses = texts.map((text) => {
    const address = base + BigInt(offset);
    bytes.set(text, offset);
    offset += text.length;
    return address;
  });
  addresses.slice(0, argv.length + env.length).forEach((address, index) => {
    if (index === argv.length) entry++; // the NULL after argv
    block[entry++] = address;
  });
  block.set(
    [
      BigInt(cloneFlags) + (cgroup === undefined ? 0n : CLONE_INTO_CGROUP),
      BigInt(SIGCHLD),
      BigInt(cgroup ?? 0),
      typeof executable === "string" ? 0n : BigInt(executable),
      (path === undefined ? undefined : addresses.at(-2)) ?? 0n,
      (directory === undefined ? undefined : addresses.at(-1)) ?? 0n,
      base + BigInt(tables * 8),
      base + BigInt((tables + argv.length + 1) * 8),
      BigInt(descriptors.length),
      -1n,
      0n,
      ...descriptors.map(BigInt),
    ],
    0,
  );
  return block;
}

/** How a child ended: exit status, or 128 + signal as shells and runtimes report it. */
export interface Ended {
  readonly pid: number;
  readonly status: number;
  readonly signal: number | undefined;
}

/** Reaps child `pid` if it has ended. @returns undefined while it runs, or when it is no child of ours. */
export function reap(pid: number, options: { wait?: boolean } = {}): Ended | undefined {
  const status = new Int32Array(1);
  for (;;) {
    const result = syscall("wait4", pid, status, options.wait ? 0 : WNOHANG, 0);
    if (result === -4) continue; // EINTR
    if (result <= 0) return undefined;
    return decodeWaitStatus(result, status[0] ?? 0);
  }
}

/** What wait4 says of process `pid`. Source: wait(2). */
export function decodeWaitStatus(pid: number, word: number): Ended {
  const signal = word & 0x7f;
  return {
    pid,
    status: signal === 0 ? (word >> 8) & 0xff : 128 + signal,
    signal: signal || undefined,
  };
}
