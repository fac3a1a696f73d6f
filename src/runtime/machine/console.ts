/** Hands a terminal's master to whoever attaches to the container. Source: runc docs/terminals.md: one message, one descriptor. */
import { TeuError } from "../../base/index.ts";
import type { Process } from "../../spec/index.ts";
import { check, closeSync, connectUnix, sendMessage } from "../../sys/index.ts";

/** A terminal and nobody to take its master, or the other way round. The sentences are runc's. */
export class ConsoleMismatch extends TeuError<"console-mismatch", { terminal: boolean }> {
  constructor(context: { terminal: boolean }) {
    super(
      "console-mismatch",
      "invalid",
      context,
      context.terminal
        ? "cannot allocate tty if runc will detach without setting console socket"
        : "cannot use console socket if runc will not detach or allocate tty",
    );
  }
}

/** A terminal goes to exactly one taker, and a console socket is for a terminal. @throws {ConsoleMismatch} */
export function checkConsole(
  { terminal = false }: Pick<Process, "terminal">,
  { consoleSocket, onConsole }: { consoleSocket?: string; onConsole?: (master: number) => void },
): void {
  const takers = [consoleSocket, onConsole].filter((taker) => taker !== undefined).length;
  if (terminal && takers === 0) throw new ConsoleMismatch({ terminal: true });
  if (consoleSocket !== undefined && (!terminal || takers === 2))
    throw new ConsoleMismatch({ terminal: false });
}

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
