/**
 * A start that its teu stays with: the container's streams are passed on, signals go to its first process, and what follows its
 * end is done here. The container needs this teu no more than any other: when it is killed, the container goes on.
 */
import { isTerminal } from "../../sys/index.ts";
import type { RuntimeDriver } from "../driver/driver.ts";
import { readExitRecord, UNKNOWN_STATUS } from "../monitor/exit-record.ts";
import { forwardSignals } from "../run/signals.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { type AttachOptions, ContainerStreams } from "./attach.ts";
import { settle } from "./settle.ts";
import { findIfAny } from "./wait.ts";

/** Descriptors of ours that a container gets as they are, in the place of pipes to its monitor. */
export interface HandedOver {
  readonly stdin?: 0;
  readonly stdout?: 1;
  readonly stderr?: 2;
}

/** One that stays with a container, from before its start until after its end. */
export class Foreground implements Disposable {
  readonly given: HandedOver;
  readonly #store: Store;
  readonly #container: ContainerRecord;
  readonly #attach: AttachOptions;
  readonly #readsInput: boolean;
  readonly #held = new DisposableStack();
  #streams: ContainerStreams | undefined;
  #driver: RuntimeDriver | undefined;

  constructor(store: Store, container: ContainerRecord, attach: AttachOptions) {
    this.#store = store;
    this.#container = container;
    this.#attach = attach;
    this.#readsInput = (attach.readsInput ?? false) && (container.settings.interactive ?? false);
    this.given = handedOver(container, this.#readsInput, attach);
  }

  /** The container's monitor listens, its program has not begun: who is here now misses nothing. */
  begin(driver: RuntimeDriver): void {
    const { given } = this;
    this.#driver = driver;
    const isShown = (name: "stdout" | "stderr") => this.#attach.shows?.includes(name) ?? true;
    const id = this.#container.id;
    this.#streams = this.#held.use(
      new ContainerStreams(
        this.#store,
        this.#container,
        {
          stdin: this.#readsInput && given.stdin === undefined,
          stdout: given.stdout === undefined && isShown("stdout"),
          stderr: given.stderr === undefined && isShown("stderr"),
        },
        this.#attach,
      ),
    );
    if (this.#attach.passesSignals === false) return;
    const deliver = (signal: number) => {
      // One that comes too late finds nobody, which is no news: the end is what we wait for anyhow.
      driver.kill(id, signal).catch(() => undefined);
    };
    this.#held.use(forwardSignals(deliver));
  }

  /** Holds what tells the monitor that somebody is here, who does what follows the container's end. */
  hold(monitor: Disposable): void {
    this.#held.use(monitor);
  }

  /** Passes the streams on until the container has ended, and does what follows. @returns its exit status. @throws {Detached} */
  async relayToEnd(): Promise<number> {
    let said: number | undefined;
    try {
      // What its end takes is loaded while it runs.
      [said] = await Promise.all([this.#streams?.relay(), this.#driver?.prepareEnd?.()]);
    } catch (error) {
      // Whoever leaves earlier is not waited for by the monitor from now on; it may have ended just before.
      this[Symbol.dispose]();
      await this.#settle();
      throw error;
    }
    // Read before what follows: with --rm it goes with the container.
    const record = readExitRecord(containerDirectory(this.#store, this.#container.id));
    await this.#settle();
    return said ?? record?.status ?? UNKNOWN_STATUS;
  }

  async #settle(): Promise<void> {
    const container = findIfAny(this.#store, this.#container.id);
    if (container !== undefined) await settle(this.#store, container);
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}

/**
 * Where no log is left, as with --rm, the program may have our pipes and files themselves, at their full speed. A terminal of
 * the host is never given away: a program that holds it can type into it (TIOCSTI).
 */
function handedOver(
  { settings }: ContainerRecord,
  readsInput: boolean,
  { shows }: AttachOptions,
): HandedOver {
  const leavesLog = !settings.autoRemove && settings.log?.driver !== "none";
  const isLoggedElsewhere = settings.log !== undefined && settings.log.driver !== "none";
  if (settings.terminal || leavesLog || isLoggedElsewhere || shows !== undefined) return {};
  return {
    ...(readsInput && !isTerminal(0) && { stdin: 0 as const }),
    ...(!isTerminal(1) && { stdout: 1 as const }),
    ...(!isTerminal(2) && { stderr: 2 as const }),
  };
}
