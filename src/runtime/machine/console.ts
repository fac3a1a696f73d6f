/** Hands a terminal's master to whoever attaches to the container. Source: runc docs/terminals.md: one message, one descriptor. */
import { closeSync } from "node:fs";
import { check, connectUnix, sendMessage } from "../../sys/index.ts";

/** A connection made before anything of the container exists: afterwards the path could mean something else. */
export function openConsoleSocket(path: string): number {
  return connectUnix(path);
}

/** Sends `master` with the terminal's name as payload, and closes the connection. @throws {SystemCallFailed} */
export function sendMaster(socket: number, master: number): void {
  try {
    const name = new Uint8Array(new ArrayBuffer(9));
    name.set(new TextEncoder().encode("/dev/ptmx"));
    check(sendMessage(socket, name, [master]), "sendmsg");
  } finally {
    closeSync(socket);
  }
}
