/** What callers are told beside the log: the pid file, and a descriptor of the process on a socket. */
import { normalizePath, splitPath } from "../../base/index.ts";
import {
  check,
  connectUnix,
  O,
  removeSync,
  renameSync,
  sendMessage,
  syscall,
  writeTextSync,
} from "../../sys/index.ts";

/** Digits only, and visible whole: callers wait for the file and read it at once. */
export function writePidFile(path: string | undefined, pid: number): void {
  if (path === undefined || path === "") return;
  const { directory, name } = splitPath(normalizePath(path));
  const temporary = `${directory}/.${name}`;
  writeTextSync(temporary, String(pid), { flags: O.WRONLY | O.CREAT | O.EXCL });
  try {
    renameSync(temporary, path);
  } catch (error) {
    removeSync(temporary);
    throw error;
  }
}

/** Sends a descriptor of the process to whoever listens at `path`. Source: runc docs, `--pidfd-socket`. */
export function sendPidfd(path: string | undefined, pidfd: number, kind: "standard" | "setns"): void {
  if (path === undefined || path === "") return;
  const socket = connectUnix(path);
  try {
    check(sendMessage(socket, new TextEncoder().encode(kind), [pidfd]), "sendmsg", path);
  } finally {
    syscall("close", socket);
  }
}
