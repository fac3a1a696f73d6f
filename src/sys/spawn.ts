/**
 * Starts a native program with chosen namespaces, cgroup and descriptors, without a fork back into JavaScript.
 * The child gets exactly the descriptors named here, at 0, 1, 2 …, default signal actions and an empty signal mask.
 */
import { addressOf, cString, spawnRaw, syscall } from "./binding.ts";
import { check } from "./errno.ts";
import { putWord, wordAt } from "./words.ts";

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

const CLONE_INTO_CGROUP = 0x2_0000_0000;
const SIGCHLD = 17;
/** `struct spawn`: where two of its words stand, and where it ends: behind its descriptors. */
const PIDFD_AT = 9 * 8;
const ERROR_AT = 10 * 8;
const MAX_DESCRIPTORS = 256;
const TABLES_AT = (11 + MAX_DESCRIPTORS) * 8;
const WNOHANG = 1;

/** Starts the program. The caller closes `pidfd` and reaps `pid`. @throws {SystemCallFailed} */
export function spawn(options: Spawn): { pid: number; pidfd: number } {
  const block = encodeBlock(options);
  const pid = check(spawnRaw(block), "clone3");
  const failure = wordAt(block, ERROR_AT);
  const pidfd = wordAt(block, PIDFD_AT);
  if (failure < 0) {
    syscall("wait4", pid, 0, 0, 0);
    syscall("close", pidfd);
    if (typeof options.executable === "string") check(failure, "execve", options.executable);
    check(failure, "execveat");
  }
  return { pid, pidfd };
}

/** `struct spawn`, then the two pointer tables, then their texts: one allocation, so that one reference keeps it all alive. */
function encodeBlock(options: Spawn): DataView<ArrayBuffer> {
  const { executable, argv, env, descriptors, cloneFlags = 0, cgroup, directory } = options;
  const texts = [...argv, ...env].map(cString);
  const path = typeof executable === "string" ? cString(executable) : undefined;
  const home = directory === undefined ? undefined : cString(directory);
  const environment = TABLES_AT + (argv.length + 1) * 8;
  let end = environment + (env.length + 1) * 8;
  let size = end + (path?.length ?? 0) + (home?.length ?? 0);
  for (const text of texts) size += text.length;
  const bytes = new Uint8Array(new ArrayBuffer(size));
  const base = addressOf(bytes) as number;
  const view = new DataView(bytes.buffer);
  const put = (text: Uint8Array | undefined): number => {
    if (text === undefined) return 0;
    bytes.set(text, end);
    end += text.length;
    return base + end - text.length;
  };
  texts.forEach((text, index) => {
    // Each table ends with a NULL.
    const at = TABLES_AT + (index < argv.length ? index : index + 1) * 8;
    putWord(view, at, put(text));
  });
  const words = [
    cgroup === undefined ? cloneFlags : cloneFlags + CLONE_INTO_CGROUP,
    SIGCHLD,
    cgroup ?? 0,
    typeof executable === "number" ? executable : 0,
    put(path),
    put(home),
    base + TABLES_AT,
    base + environment,
    descriptors.length,
    -1,
    0,
    ...descriptors,
  ];
  for (let index = 0; index < words.length; index++) putWord(view, index * 8, words[index] ?? 0);
  return view;
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
