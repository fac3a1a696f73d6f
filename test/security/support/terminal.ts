/** `run` in the foreground of a terminal, for attacks on /dev/console. */
import type { Container } from "../../integration/support/runtime.ts";

/** Runs the container, which asks for a terminal, and returns all that came out of it. */
export async function runInTerminal(container: Container): Promise<{ status: number; output: string }> {
  let output = "";
  const child = Bun.spawn(container.words("run", container.id), {
    cwd: container.bundle.path,
    env: { PATH: process.env["PATH"] ?? "" },
    terminal: {
      cols: 80,
      rows: 24,
      data(_, data) {
        output += new TextDecoder().decode(data);
      },
    },
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const status = await child.exited;
  return { status, output };
}
