/** A connection to a container's monitor: what the container writes arrives, what is typed goes there. */
import { closeSync, readSync, writeSync } from "node:fs";
import { type HostPath, isTeuError, TeuError } from "../../base/index.ts";
import { type TerminalSize, writeFully } from "../../sys/index.ts";
import {
  encodeInput,
  encodeInputEnd,
  encodeReopen,
  encodeResize,
  encodeSubscribe,
  type Frame,
  FrameReader,
  SUBSCRIBED_BYTES,
  VERSION,
  type Wants,
} from "./protocol.ts";
import { connectIn, NotAttachable } from "./socket.ts";

/** The monitor's protocol is newer than this teu. */
export class MonitorTooNew extends TeuError<"monitor-too-new", { version: number }> {
  constructor(context: { version: number }) {
    super(
      "monitor-too-new",
      "unsupported",
      context,
      `Cannot speak to the container's monitor: it has version ${context.version} of the protocol, this teu knows ${VERSION}`,
    );
  }
}

/** Longer pieces of input would not fit the monitor's buffer at once. */
const MAX_INPUT_BYTES = 16 << 10;

/** One client of a monitor. */
export class Attachment implements Disposable {
  readonly #socket: number;
  #isOpen = true;
  /** Pieces go out one after the other. */
  #written: Promise<void> = Promise.resolve();

  /**
   * Connects to the monitor of the container whose run directory is `directory`. What the container writes from now on is
   * seen. @throws {NotAttachable} @throws {MonitorTooNew}
   */
  constructor(directory: HostPath, wants: Wants) {
    this.#socket = connectIn(directory);
    try {
      this.#subscribe(wants);
    } catch (error) {
      closeSync(this.#socket);
      throw isTeuError(error) ? error : new NotAttachable({ directory }, error);
    }
  }

  /** The two answers are there in microseconds: a monitor does nothing that takes longer. */
  #subscribe(wants: Wants): void {
    writeSync(this.#socket, encodeSubscribe(wants));
    const answer = new Uint8Array(SUBSCRIBED_BYTES);
    for (let at = 0; at < answer.length; ) {
      const length = readSync(this.#socket, answer, at, answer.length - at, null);
      if (length === 0) throw new Error("the monitor has ended");
      at += length;
    }
    for (const frame of new FrameReader().read(answer))
      if (frame.kind === "hello" && frame.version > VERSION)
        throw new MonitorTooNew({ version: frame.version });
  }

  /** What the monitor says, to its end; the next frame is read when this one has been dealt with. */
  async *frames(): AsyncGenerator<Frame> {
    const reader = new FrameReader();
    for await (const chunk of Bun.file(this.#socket).stream() as unknown as AsyncIterable<Uint8Array>)
      yield* reader.read(chunk);
  }

  /** Types `bytes`; resolves when the monitor has taken them. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += MAX_INPUT_BYTES)
      await this.#send(encodeInput(bytes.subarray(at, at + MAX_INPUT_BYTES)));
  }

  /** There is no more input. */
  endInput(): Promise<void> {
    return this.#send(encodeInputEnd());
  }

  /** Tells the container's terminal its size. Answered by a `done` frame. */
  resize(size: TerminalSize): Promise<void> {
    return this.#send(encodeResize(size));
  }

  /** The log was renamed: a new one is begun. Answered by a `done` frame. */
  reopenLog(): Promise<void> {
    return this.#send(encodeReopen());
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.#socket);
    this.#isOpen = false;
  }

  #send(bytes: Uint8Array): Promise<void> {
    this.#written = this.#written.then(() => writeFully(this.#socket, bytes));
    return this.#written;
  }
}
