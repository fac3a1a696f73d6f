/**
 * What the kernel takes for a container: the time inside each system call of the plan, by init, and of the host's half, added
 * up. The native programs are built once more with a clock around each call, and a process of its own, which has compiled all
 * that it will, creates containers with them. Calls that wait for the other half are left out, reads of clocks are in.
 *
 *   bun bench/support/kernel-time.ts FOLDER BUNDLE SLEEPING      answers to messages: the name of a question, its time in ms
 */
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { plugin } from "bun";
import type { RuntimeConfig } from "../../src/spec/index.ts";
import type { Subject } from "./sample.ts";

/** What its row of a table is called. */
export const KERNEL_CALLS = "the plan's kernel calls, summed";

/** What can be asked, by the names of the tables. */
export type Question = "run true" | "exec true" | "create, start, delete";

const PROGRAMS = { "init.elf": "timed-init.c", "sys.so": "timed-sys.c" } as const;
/** As the Makefile has them. */
const FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-stack-protector"];
const LINK = {
  "init.elf": ["-static", "-nostdlib", "-nostartfiles", "-fno-pie"],
  "sys.so": ["-fPIC", "-shared", "-nostdlib", "-nostartfiles"],
} as const;
/** After so many a process has compiled all that it will. */
const WARM = 150;

/** The process that answers; it ends when it is disposed of. */
export class KernelTime implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  #answer = Promise.withResolvers<number>();

  private constructor(folder: string, bundle: string, sleeping: string) {
    this.#child = Bun.spawn([process.execPath, import.meta.path, folder, bundle, sleeping], {
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "json",
      ipc: (ms: number) => this.#answer.resolve(ms),
      onExit: (_, status) =>
        this.#answer.reject(
          new Error(`What measures the kernel's time ended with status ${status} (see above)`),
        ),
    });
  }

  /** @param folder  Empty, in memory; @param bundle  whose program ends at once; @param sleeping  whose program stays. */
  static async start(folder: string, bundle: string, sleeping: string): Promise<KernelTime> {
    for (const name of ["init.elf", "sys.so"] as const) {
      const words = [...FLAGS, ...LINK[name], `-DTEU_TICKS="${join(folder, "ticks")}"`];
      const source = join(import.meta.dir, PROGRAMS[name]);
      const built = Bun.spawnSync(["cc", ...words, "-o", join(folder, name), source]);
      if (!built.success) throw new Error(`Cannot build ${source}: ${built.stderr}`);
    }
    const kernel = new KernelTime(folder, bundle, sleeping);
    await kernel.#answer.promise;
    return kernel;
  }

  /** A row of a table. */
  subject(question: Question): Subject {
    return {
      name: KERNEL_CALLS,
      sample: () => {
        this.#answer = Promise.withResolvers();
        this.#child.send(question);
        return this.#answer.promise;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nobody waits for an answer any more.
    this.#answer = Promise.withResolvers();
    this.#answer.promise.catch(() => {});
    this.#child.disconnect();
    await this.#child.exited;
  }
}

if (import.meta.main) await answer(process.argv.slice(2));

async function answer([folder = "", bundle = "", sleeping = ""]: readonly string[]): Promise<void> {
  plugin({
    name: "timed programs",
    setup(build) {
      build.onLoad({ filter: /\/native\/out\/(init\.elf|sys\.so)\.base64$/ }, ({ path }) => {
        const name = path.slice(path.lastIndexOf("/") + 1, -".base64".length);
        return {
          loader: "object",
          exports: { default: readFileSync(join(folder, name)).toString("base64") },
        };
      });
    },
  });
  const { createContainer, deleteContainer, execProcess, startContainer } = await import(
    "../../src/runtime/index.ts"
  );
  const { reap } = await import("../../src/sys/index.ts");
  const root = join(folder, "state");
  const ticks = new Ticks(folder);
  const quiet = openSync("/dev/null", "r+");
  const stdio = [quiet, quiet, quiet] as const;
  let count = 0;
  const once = async (question: Question): Promise<number> => {
    if (question === "exec true")
      return await ticks.of(async () => {
        reap(await execProcess(root, idle, program, { stdio }), { wait: true });
      });
    const containerID = `teu-bench-${process.pid}-${++count}`;
    let made = { pid: 0, pidfd: -1 };
    const took = await ticks.of(async () => {
      made = createContainer({ root, containerID, bundle, stdio });
      startContainer(root, containerID);
      if (question === "run true") reap(made.pid, { wait: true });
      deleteContainer(root, containerID, { force: true });
    });
    if (question !== "run true") reap(made.pid, { wait: true });
    closeSync(made.pidfd);
    return took;
  };

  const idle = `teu-bench-${process.pid}-idle`;
  const { process: program } = JSON.parse(
    readFileSync(join(bundle, "config.json"), "utf8"),
  ) as Required<RuntimeConfig>;
  const { pid, pidfd } = createContainer({
    ...{ root, containerID: idle, bundle: sleeping, stdio },
    // Whatever ends this process ends what it would leave.
    dieWithParent: true,
  });
  startContainer(root, idle);
  for (const question of ["run true", "exec true"] as const)
    for (let turn = 0; turn < WARM; turn++) await once(question);
  process.on("message", async (question: Question) => process.send?.(await once(question)));
  process.on("disconnect", () => {
    deleteContainer(root, idle, { force: true });
    reap(pid, { wait: true });
    closeSync(pidfd);
    process.exit(0);
  });
  process.send?.(0);
}

/** The file into which the programs count. */
class Ticks {
  readonly #file: number;
  readonly #zero = new Uint8Array(24);
  readonly #words = new BigUint64Array(3);
  readonly #perMs: number;

  constructor(folder: string) {
    const path = join(folder, "ticks");
    writeFileSync(path, this.#zero);
    this.#file = openSync(path, "r+");
    this.#perMs = ticksPerMs(join(folder, "sys.so"));
  }

  /** How long system calls took while `work` was done, in ms. */
  async of(work: () => Promise<void>): Promise<number> {
    writeSync(this.#file, this.#zero, 0, this.#zero.length, 0);
    await work();
    readSync(this.#file, this.#words, 0, this.#words.byteLength, 0);
    return Number(this.#words[0]) / this.#perMs;
  }
}

/** How fast the processor's clock goes, by ours. */
function ticksPerMs(library: string): number {
  const { symbols } = dlopen(library, { teu_now: { args: [], returns: FFIType.u64 } });
  const began = { ours: performance.now(), ticks: symbols.teu_now() };
  Bun.sleepSync(100);
  return Number(symbols.teu_now() - began.ticks) / (performance.now() - began.ours);
}
