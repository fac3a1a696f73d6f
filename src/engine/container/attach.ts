/** Connects our streams with those of a container that runs: what it writes is written here, what is typed goes there. */
import { TeuError } from "../../base/index.ts";
import {
  decodeWaitStatus,
  isTerminal,
  makeRaw,
  type TerminalSize,
  terminalSize,
  writeFully,
} from "../../sys/index.ts";
import { Attachment } from "../monitor/attachment.ts";
import type { Wants } from "../monitor/protocol.ts";
import { InvalidOption } from "../options/error.ts";
import { HungUp, onHangUp } from "../run/hang-up.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { notePassing } from "../store/passing-events.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { DetachKeys } from "./detach-keys.ts";

/** The keys that leave a container running: ctrl-p ctrl-q, docker's. */
const DETACH_KEYS: readonly number[] = [0x10, 0x11];

/** How a teu stays with a container. */
export interface AttachOptions {
  /** Whether our input is the container's, where it was made with an open one. */
  readonly readsInput?: boolean | undefined;
  /** What is shown; absent: both. */
  readonly shows?: readonly ("stdout" | "stderr")[] | undefined;
  /** Whether signals that reach us go on to it; absent: they do. */
  readonly passesSignals?: boolean | undefined;
  /** Whether we leave it running where our input ends. */
  readonly leavesAfterInput?: boolean | undefined;
  /** The bytes that leave it running. */
  readonly detachKeys?: readonly number[] | undefined;
}

/** `ctrl-p,ctrl-q`, `ctrl-@,x`; an empty text is no keys at all. Source: docker attach reference. @throws {InvalidOption} */
export function parseDetachKeys(text: string): number[] {
  return text === "" ? [] : text.split(",").map((key) => byteOf(key, text));
}

function byteOf(key: string, text: string): number {
  const [, control] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? [];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
  throw new InvalidOption(
    { option: "--detach-keys", value: text },
    `Invalid detach keys ${JSON.stringify(text)}: unknown character: ${JSON.stringify(key)}`,
  );
}

/** When somebody leaves a container running. */
type LeaveOptions = Pick<AttachOptions, "detachKeys" | "leavesAfterInput">;

/** Somebody leaves the container running: by the keys for it, or with the end of the input. */
export class Detached extends TeuError<"detached", { status: number }> {
  constructor() {
    super("detached", "cancelled", { status: 0 }, "Detached: the container goes on");
  }
}

/** A connection that is there before the container starts, so that nothing is missed. */
export class ContainerStreams implements Disposable {
  readonly #attachment: Attachment;
  readonly #isTerminal: boolean;
  readonly #readsInput: boolean;
  readonly #detachKeys: readonly number[];
  readonly #leavesAfterInput: boolean;
  readonly #keepsInput: boolean;
  readonly #tellSize: (size: TerminalSize) => void;
  readonly #cleanUp = new DisposableStack();

  /** @param wants  Which of them; ours is its input only where it has an open one. */
  constructor(
    store: Store,
    container: ContainerRecord,
    wants: Omit<Wants, "allBytes">,
    { detachKeys = DETACH_KEYS, leavesAfterInput = false }: LeaveOptions = {},
  ) {
    const { id, settings } = container;
    this.#detachKeys = detachKeys;
    this.#leavesAfterInput = leavesAfterInput;
    this.#keepsInput = settings.keepsInput ?? false;
    this.#isTerminal = settings.terminal ?? false;
    this.#readsInput = wants.stdin && (settings.interactive ?? false);
    this.#attachment = this.#cleanUp.use(
      new Attachment(bundleDirectory(store, id), { ...wants, stdin: this.#readsInput, allBytes: true }),
    );
    notePassing(store, container, { attach: {} });
    this.#tellSize = ({ rows, columns }) =>
      notePassing(store, container, { resize: { height: `${rows}`, width: `${columns}` } });
  }

  /** Has what is on its terminal drawn anew, for who comes to it: a program draws when the size changes, and only then. */
  redraw(): void {
    const size = this.#isTerminal ? terminalSize(1) : undefined;
    if (size === undefined) return;
    this.#resize({ ...size, rows: size.rows + 1 });
  }

  /** Passes everything on, until the container has ended. @returns its exit status; undefined where its monitor was killed. @throws {Detached} {HungUp} */
  async relay(): Promise<number | undefined> {
    if (this.#isTerminal) this.#followSize();
    const left = Promise.withResolvers<never>();
    if (this.#readsInput) this.#relayInput(left.reject);
    this.#cleanUp.use(onHangUp(this.#isTerminal ? [1] : [1, 2], () => left.reject(new HungUp())));
    left.promise.catch(() => undefined); // it may come when nobody waits any more
    return await Promise.race([this.#relayOutput(), left.promise]);
  }

  [Symbol.dispose](): void {
    this.#cleanUp.dispose();
  }

  async #relayOutput(): Promise<number | undefined> {
    let status: number | undefined;
    for await (const frame of this.#attachment.frames()) {
      if (frame.kind === "output") await writeFully(frame.stream === "stdout" ? 1 : 2, frame.bytes);
      if (frame.kind === "exit") status = decodeWaitStatus(0, frame.waitStatus).status;
    }
    return status;
  }

  #followSize(): void {
    const resize = () => {
      const size = terminalSize(1);
      if (size !== undefined) this.#resize(size);
    };
    resize();
    process.on("SIGWINCH", resize);
    this.#cleanUp.defer(() => process.off("SIGWINCH", resize));
  }

  #resize(size: TerminalSize): void {
    // The monitor may have left while we still write what it sent.
    this.#attachment.resize(size).catch(() => undefined);
    this.#tellSize(size);
  }

  #relayInput(detach: (reason: Detached) => void): void {
    const isRaw = this.#isTerminal && isTerminal(0);
    if (isRaw) this.#cleanUp.use(makeRaw(0));
    const input = Bun.stdin.stream().getReader();
    this.#cleanUp.defer(() => void input.cancel().catch(() => undefined));
    const pump = async () => {
      const keys = new DetachKeys(isRaw ? this.#detachKeys : []);
      for (let { value } = await input.read(); value !== undefined; { value } = await input.read()) {
        const { bytes, isDetached } = keys.read(value);
        if (bytes.length > 0) await this.#attachment.write(bytes);
        if (isDetached) return detach(new Detached());
      }
      if (!this.#keepsInput) await this.#attachment.endInput();
      if (this.#leavesAfterInput) detach(new Detached());
    };
    // The container is gone when nobody takes what is typed: its output says so too.
    pump().catch(() => undefined);
  }
}
