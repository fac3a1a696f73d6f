/**
 * Copying between descriptors while the event loop goes on. Bun has two threads for blocking file calls on a small
 * machine: two readers that wait there would leave none for a write. So a reader waits in the loop where it can: our
 * own standard input and pipes do, a terminal's master cannot, and there is one of it at most.
 */

/** Loaded where there is something to relay: every command in the foreground has this file. */
const fs = () => process.getBuiltinModule("node:fs");

/** Copies from a terminal's master until its other side is closed, or `to` takes no more. */
export function relayTerminal(master: number, to: number): Promise<void> {
  // Without an encoding a stream gives bytes.
  return relay(fs().createReadStream("", { fd: master, autoClose: false }) as AsyncIterable<Uint8Array>, to);
}

/** Copies from the reading end of a pipe to its end, or until `to` takes no more. */
export function relayPipe(reader: number, to: number): Promise<void> {
  return relay(Bun.file(reader).stream(), to);
}

/** Copies our standard input to `to`, until it ends or is disposed of. `ended` resolves then. */
export function relayInput(to: number): Disposable & { readonly ended: Promise<void> } {
  const input = Bun.stdin.stream().getReader();
  return {
    ended: relay(chunksOf(input), to),
    [Symbol.dispose](): void {
      // Nobody waits for it: what was typed and not yet read is not ours any more.
      input.cancel().catch(() => undefined);
    },
  };
}

async function* chunksOf(input: Reader): AsyncGenerator<Uint8Array> {
  for (let { value } = await input.read(); value !== undefined; { value } = await input.read()) yield value;
}

interface Reader {
  read(): Promise<{ readonly value?: Uint8Array | undefined }>;
}

/** The next piece is read when the last one is written. */
async function relay(from: AsyncIterable<Uint8Array>, to: number): Promise<void> {
  try {
    for await (const chunk of from) await writeFully(to, chunk);
  } catch (error) {
    // EIO: the terminal's other side is closed, which is how a terminal ends. EPIPE: nobody reads any more.
    // EBADF: the descriptors were closed meanwhile.
    if (!ENDS.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

const ENDS: ReadonlySet<string> = new Set(["EIO", "EPIPE", "EBADF"]);
const AGAIN_MS = 5;

/** Writes all of `bytes`, off the main thread: a terminal that was stopped (ctrl-S) would stop signals and everything else too. */
export function writeFully(descriptor: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (rest: Uint8Array): void =>
      fs().write(descriptor, rest, (error, written) => {
        // Somebody left O_NONBLOCK on a shared terminal, which says nothing when it takes more.
        if (error?.code === "EAGAIN") setTimeout(next, AGAIN_MS, rest);
        else if (error) reject(error);
        else if (written < rest.length) next(rest.subarray(written));
        else resolve();
      });
    next(bytes);
  });
}
