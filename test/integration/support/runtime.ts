/**
 * A runtime under test, driven by its command line. The tests of this folder name no runtime of their own: `RUNTIME=runc`
 * runs them all against runc, since a test that only we pass is suspect.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Finished, TEU } from "../teu.ts";
import { type Bundle, baseConfig, type Change, makeBundle } from "./bundle.ts";
import { findLeftovers } from "./leftovers.ts";

/** A program with runc's command line. */
export interface Runtime {
  readonly name: string;
  readonly command: readonly string[];
}

export const RUNC: Runtime = { name: "runc", command: ["runc"] };

const chosen = process.env["RUNTIME"];
/** The runtime that the tests test. */
export const TESTED: Runtime =
  chosen === undefined
    ? { name: "teu", command: [TEU, "runtime"] }
    : { name: basename(chosen), command: [chosen] };

/** How a command is called. */
export interface CallOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** One container ID with a bundle and a state folder of its own. */
export class Container implements AsyncDisposable {
  static #made = 0;
  readonly id: string;
  readonly runtime: Runtime;
  readonly bundle: Bundle;
  readonly #folder: string;
  #calls = 0;

  constructor(runtime: Runtime = TESTED) {
    this.id = `teu-test-${process.pid}-${++Container.#made}`;
    this.runtime = runtime;
    this.bundle = makeBundle();
    this.#folder = mkdtempSync(join(tmpdir(), "teu-runtime-test-"));
    mkdirSync(join(this.#folder, "state"));
  }

  /** Where the runtime keeps its state. */
  get stateFolder(): string {
    return join(this.#folder, "state");
  }

  /** Gives the container a script to run and a document that differs from the base by `change`. */
  configure(script: string, change: Change = (config) => config): this {
    this.bundle.writeConfig(change(baseConfig(script)));
    return this;
  }

  /** The whole command line of one call. */
  words(...words: readonly string[]): string[] {
    return [...this.runtime.command, "--root", this.stateFolder, ...words];
  }

  /**
   * Calls the runtime and waits for it. Its output goes to files, not pipes: after `create` the container's process keeps
   * them open, and a pipe would not end.
   */
  async call(words: readonly string[], options: CallOptions = {}): Promise<Finished> {
    const call = ++this.#calls;
    const [out, err] = [join(this.#folder, `${call}.out`), join(this.#folder, `${call}.err`)];
    const child = Bun.spawn(this.words(...words), {
      cwd: this.bundle.path,
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", ...options.env },
      stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
      stdout: Bun.file(out),
      stderr: Bun.file(err),
      timeout: options.timeoutMs ?? 30_000,
      killSignal: "SIGKILL",
    });
    const status = await child.exited;
    return { status, stdout: readFileSync(out, "utf8"), stderr: readFileSync(err, "utf8") };
  }

  /** `run` in the foreground. */
  run(options?: CallOptions): Promise<Finished> {
    return this.call(["run", this.id], options);
  }

  /** What the nth call (the first is 1) has printed until now. */
  outputOf(call: number): string {
    return readFileSync(join(this.#folder, `${call}.out`), "utf8");
  }

  /** The container's state document. */
  async state(): Promise<{ status: string; pid: number; id: string; bundle: string; ociVersion: string }> {
    const { stdout, stderr } = await this.call(["state", this.id]);
    if (stdout === "") throw new Error(`no state: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Waits until the container's status is `status`. */
  async waitFor(status: string): Promise<void> {
    const until = Date.now() + 20_000;
    for (;;) {
      const now = (await this.state()).status;
      if (now === status) return;
      if (Date.now() > until) throw new Error(`the container is ${now}, not ${status}`);
      await Bun.sleep(20);
    }
  }

  /** Deletes the container, whatever its state, and throws when it left something behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.call(["delete", "--force", this.id]);
    const left = findLeftovers([this.id, this.bundle.path]);
    this.bundle[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`${this.runtime.name} left behind:\n${left.join("\n")}`);
  }
}
