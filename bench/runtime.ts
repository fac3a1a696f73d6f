/**
 * A container's life from the command line: ours beside runc's and crun's, and what of it the kernel takes.
 *
 * crun 1.8 refuses a hybrid cgroup layout, so it is timed, with ours beside it, in a mount namespace in which
 * /sys/fs/cgroup/unified is not mounted; this file starts itself there.
 */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { createContainer, deleteContainer, startContainer } from "../src/runtime/index.ts";
import { reap } from "../src/sys/index.ts";
import { TEU } from "../test/integration/teu.ts";
import { makeTimedBundle } from "./support/bundle.ts";
import { buildEmpty } from "./support/empty.ts";
import { KERNEL_CALLS, KernelTime } from "./support/kernel-time.ts";
import { NEWEST_RUNC, newestRunc } from "./support/newest-runc.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { type Measured, measure, SAMPLES, type Subject, timeCommand } from "./support/sample.ts";

const UNIFIED = "/sys/fs/cgroup/unified";
/** What the tables of crun are called where it is timed in a place of its own. */
const ON_V1 = existsSync(UNIFIED) ? " on v1 alone" : "";
const SPACINGS = [
  { name: "back to back", pauseMs: 0 },
  { name: "50 ms between runs", pauseMs: 50 },
];
/** These take milliseconds: more of them cost nothing. */
const MANY = Math.ceil(SAMPLES * 1.5);
/** After so many a process of ours has compiled all that it will. */
const WARM = 150;

/** One of those compared. */
interface Runtime {
  readonly name: string;
  /** With its flags: it keeps its state in a folder of its own. */
  readonly command: readonly string[];
}

let count = 0;
const newID = ({ name }: Runtime): string =>
  `teu-bench-${process.pid}-${name.replaceAll(" ", "-")}-${++count}`;

/** `run` to its end. */
function runBy(runtime: Runtime, bundle: string): Subject {
  const { name, command } = runtime;
  return { name, sample: () => timeCommand([...command, "run", "--bundle", bundle, newID(runtime)]) };
}

/** One more process in a container that is there already. */
function execBy({ name, command }: Runtime, id: string): Subject {
  return { name, sample: () => timeCommand([...command, "exec", id, "true"]) };
}

/** `create`, `start` and `delete`, the time of all three. */
function lifeBy(runtime: Runtime, bundle: string): Subject {
  const { name, command } = runtime;
  return {
    name,
    sample() {
      const id = newID(runtime);
      return (
        timeCommand([...command, "create", "--bundle", bundle, id]) +
        timeCommand([...command, "start", id]) +
        timeCommand([...command, "delete", "--force", id])
      );
    },
  };
}

/** What cannot be saved: the same system calls from a process that has made them often. */
function kernelsPart(root: string, bundle: string): Subject {
  const once = (): number => {
    const containerID = `teu-bench-${process.pid}-warm-${++count}`;
    const quiet = openSync("/dev/null", "r+");
    const begin = performance.now();
    const { pid, pidfd } = createContainer({ root, containerID, bundle, stdio: [quiet, quiet, quiet] });
    startContainer(root, containerID);
    reap(pid, { wait: true });
    deleteContainer(root, containerID, { force: true });
    const took = performance.now() - begin;
    for (const descriptor of [pidfd, quiet]) closeSync(descriptor);
    return took;
  };
  for (let turn = 0; turn < WARM; turn++) once();
  return { name: "the same calls from a warm process", sample: once };
}

/** As many starts of a program that does nothing as the question has commands. */
function emptyStarts(empty: string, count: number): Subject {
  return {
    name: count === 1 ? EMPTY : `${EMPTY}, ${count} times`,
    sample: () => Array.from({ length: count }, () => timeCommand([empty])).reduce((sum, ms) => sum + ms, 0),
  };
}
const EMPTY = "an empty Bun executable";

const TMPFS = 0x01021994;

/** Where runtimes keep their state on any machine but those that have no /run of its own: on ext4 a removed file keeps the next ones waiting. */
function inMemory(): string {
  const found = ["/run", "/dev/shm"].find((path) => existsSync(path) && statfsSync(path).type === TMPFS);
  if (found === undefined) throw new Error("Cannot time runtimes: neither /run nor /dev/shm is in memory");
  return found;
}

/** Times the peers named, and ours. */
async function timeBeside(peers: readonly string[], label: string): Promise<Table[]> {
  using bundle = makeTimedBundle("true");
  using sleeping = makeTimedBundle("sleep", "1000");
  const state = mkdtempSync(join(inMemory(), "teu-bench-"));
  const nameOf = (peer: string): string => (peer.startsWith("/") ? NEWEST_RUNC : peer);
  const at = (name: string, ...command: string[]): Runtime => ({
    name,
    command: [...command, "--root", join(state, name)],
  });
  const runtimes = [...peers.map((peer) => at(nameOf(peer), peer)), at("teu", TEU, "runtime")];
  const floor = join(state, "floor");
  mkdirSync(floor);
  const empty = buildEmpty(state);
  const running = runtimes.map((runtime) => ({ runtime, id: newID(runtime) }));
  const tables: Table[] = [];
  try {
    await using kernel = await KernelTime.start(floor, bundle.path, sleeping.path);
    for (const { runtime, id } of running) {
      timeCommand([...runtime.command, "create", "--bundle", sleeping.path, id]);
      timeCommand([...runtime.command, "start", id]);
    }
    const questions = [
      {
        name: "run true",
        subjects: [
          ...runtimes.map((runtime) => runBy(runtime, bundle.path)),
          kernelsPart(join(state, "warm"), bundle.path),
          kernel.subject("run true"),
          emptyStarts(empty, 1),
        ],
      },
      {
        name: "exec true",
        subjects: [
          ...running.map(({ runtime, id }) => execBy(runtime, id)),
          kernel.subject("exec true"),
          emptyStarts(empty, 1),
        ],
      },
      {
        name: "create, start, delete",
        subjects: [
          ...runtimes.map((runtime) => lifeBy(runtime, bundle.path)),
          kernel.subject("create, start, delete"),
          emptyStarts(empty, 3),
        ],
      },
    ];
    for (const { name, subjects } of questions)
      for (const { name: spacing, pauseMs } of SPACINGS)
        tables.push({
          name: `${name}${label}, ${spacing}`,
          rows: await measure(subjects, { samples: MANY, pauseMs }),
        });
    return tables;
  } finally {
    for (const { runtime, id } of running)
      Bun.spawnSync([...runtime.command, "delete", "--force", id], { stderr: "ignore" });
    rmSync(state, { recursive: true, force: true });
  }
}

/** Times crun and ours where crun works. */
function timeBesideCrun(): Table[] {
  const inner = `umount ${UNIFIED} && exec "$@"`;
  const words = [
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    existsSync(UNIFIED) ? inner : 'exec "$@"',
    "sh",
  ];
  const result = Bun.spawnSync([...words, process.execPath, import.meta.path], { stderr: "inherit" });
  if (!result.success) throw new Error("Cannot time crun (see above)");
  return JSON.parse(result.stdout.toString());
}

/** Which question, whose time and how much of it, at most. */
const GOALS = [
  { question: "run true", peer: "runc", most: 0.5, label: "" },
  { question: "run true", peer: "crun", most: 1.1, label: ON_V1 },
  { question: "exec true", peer: "runc", most: 0.5, label: "" },
  { question: "exec true", peer: "crun", most: 1.3, label: ON_V1 },
  { question: "create, start, delete", peer: "runc", most: 0.6, label: "" },
] as const;

/** The goals, how far we are from each, and what stands between. */
function goalTable(tables: readonly Table[]): string {
  const ms = (value: number): string => value.toFixed(1);
  const lines = GOALS.flatMap(({ question, peer, most, label }) =>
    SPACINGS.map(({ name: spacing }) => {
      const name = `${question}${label}, ${spacing}`;
      const isIts = (table: Table): boolean =>
        table.name === name && table.rows.some((row) => row.name === peer);
      const rows = tables.find(isIts)?.rows ?? [];
      const median = (start: string): number => rows.find(({ name }) => name.startsWith(start))?.median ?? 0;
      const [ours, calls, starts] = [median("teu"), median(KERNEL_CALLS), median(EMPTY)];
      const may = most * median(peer);
      const cells = [ms(may), ms(ours), (ours / median(peer)).toFixed(2), ms(calls), ms(starts)];
      const words = `${question}: ${most} of ${peer}, ${spacing}`;
      return `| ${[words, ...cells, ms(ours - calls - starts), ms(Math.max(0, ours - may))].join(" | ")} |`;
    }),
  );
  const head = [
    "goal",
    "ms at most",
    "teu, ms",
    "ratio",
    "kernel calls",
    "Bun's starts",
    "the rest",
    "missing",
  ];
  return [`| ${head.join(" | ")} |`, `|---${"|--:".repeat(head.length - 1)}|`, ...lines].join("\n");
}

/** By marks in a copy of the sources, not by this benchmark. */
const WHERE = `Where it goes, by marks of performance.now() in a copy of the sources, kernel calls included: the fastest tenth of 30 to 40 on 2026-11-28, on a machine with a load of 7. Bun is there after 2.0 ms.

| ms | run | exec | create | start | delete |
|---|--:|--:|--:|--:|--:|
| loading the command's code, making its functions and classes | 1.94 | 1.37 | 1.71 | 0.91 | 0.94 |
| the command line | 0.35 | 0.30 | 0.31 | 0.29 | 0.27 |
| the binding to the kernel; signals, of those in the foreground | 0.45 | 0.13 | | | |
| reading and checking config.json, or the state | 1.18 | 0.91 | 1.43 | 0.50 | 0.50 |
| where the cgroups are, and what is written there | 0.75 | | 0.76 | | |
| compiling the plan's first half; of exec all of it | 1.95 | 1.14 | 1.90 | | |
| making cgroups and the state's directory | 0.89 | | 0.88 | | |
| starting init: memory files, socket, clone | 0.75 | 0.53 | 0.72 | | |
| compiling the second half, while init makes the mounts | 1.16 | | 1.10 | | |
| speaking with init until it waits, or execs | 0.96 | 0.55 | 0.92 | | |
| opening the gate, until the program runs | 0.36 | | | 0.15 | |
| the program, until we are told of its end | 0.21 | 0.29 | | | |
| ending and removing what there is | 0.57 | | | | 0.65 |

From config.json to both halves of the plan, 5.0 ms of \`run\`, takes 0.4 ms in a process that has done it often: the rest is that each function runs for the first time.`;

export async function benchRuntime(): Promise<Section | Skipped> {
  const title = "A container's life";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const newest = newestRunc();
  const tables: Table[] = await timeBeside(["runc", ...(newest === undefined ? [] : [newest])], "");
  tables.push(...timeBesideCrun());
  return {
    title,
    says: `A bundle whose program is \`true\`: new pid, mount, network, ipc, uts and cgroup namespaces, the mounts and devices of \`runc spec\`; state in memory.
"${KERNEL_CALLS}" is the floor: what each call of the plan and of the host's half takes, clocked one by one in a process that has made them often, but for those that wait for the other half.
A warm process adds to them what passes between the two, the program, and its end. The rest of our time is a start of Bun's for each command, and code that is loaded and runs for the first time.
crun is timed without the v2 hierarchy of a hybrid layout, which it refuses.

${goalTable(tables)}

${WHERE}`,
    unit: "ms",
    tables,
  };
}

if (import.meta.main) {
  const tables: Table[] = await timeBeside(["crun"], ON_V1);
  console.log(JSON.stringify(tables satisfies { rows: readonly Measured[] }[]));
}
