/** What callers are told beside the log: the pid file, and a descriptor of the process on a socket. */
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { connectUnix, sendMessage, syscall } from "../../sys/index.ts";

/** Digits only, and visible whole: callers wait for the file and read it at once. */
export function writePidFile(path: string | undefined, pid: number): void {
  if (path === undefined || path === "") return;
  const temporary = join(dirname(path), `.${basename(path)}`);
  const descriptor = openSync(temporary, "wx", 0o666);
  try {
    writeSync(descriptor, String(pid));
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
}

/** Sends a descriptor of the process to whoever listens at `path`. Source: runc docs, `--pidfd-socket`. */
export function sendPidfd(path: string | undefined, pidfd: number, kind: "standard" | "setns"): void {
  if (path === undefined || path === "") return;
  const socket = connectUnix(path);
  try {
    sendMessage(socket, Buffer.from(kind), [pidfd]);
  } finally {
    syscall("close", socket);
  }
}
