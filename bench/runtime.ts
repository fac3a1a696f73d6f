/**
 * `runtime run` of a program that does nothing: ours beside runc's and crun's.
 *
 * crun 1.8 refuses a hybrid cgroup layout, so it is timed, with ours beside it, in a mount namespace in which
 * /sys/fs/cgroup/unified is not mounted; this file starts itself there.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEU } from "../test/integration/teu.ts";
import { makeTimedBundle } from "./support/bundle.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { type Measured, measure, SAMPLES, type Subject, timeCommand } from "./support/sample.ts";

const UNIFIED = "/sys/fs/cgroup/unified";
const SPACINGS = [
  { name: "back to back", pauseMs: 0 },
  { name: "50 ms between runs", pauseMs: 50 },
];

/** `run` of one runtime, with a state folder and IDs of its own. */
function runOf(name: string, command: readonly string[], bundle: string, state: string): Subject {
  let count = 0;
  return {
    name,
    sample: () =>
      timeCommand([
        ...command,
        "--root",
        join(state, name),
        "run",
        "--bundle",
        bundle,
        `teu-bench-${process.pid}-${name}-${++count}`,
      ]),
  };
}

/** Times the runtimes named, all with the same bundle. */
async function timeRuns(peers: readonly string[], label: string): Promise<Table[]> {
  using bundle = makeTimedBundle("true");
  const state = mkdtempSync(join(tmpdir(), "teu-bench-"));
  try {
    const subjects = [
      ...peers.map((peer) => runOf(peer, [peer], bundle.path, state)),
      runOf("teu", [TEU, "runtime"], bundle.path, state),
    ];
    const tables: Table[] = [];
    for (const { name, pauseMs } of SPACINGS)
      tables.push({
        name: `${label}, ${name}`,
        rows: await measure(subjects, { samples: SAMPLES, pauseMs }),
      });
    return tables;
  } finally {
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

export async function benchRuntime(): Promise<Section | Skipped> {
  const title = "From a bundle to a finished container";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const tables: Table[] = await timeRuns(["runc"], "run true");
  tables.push(...timeBesideCrun());
  return {
    title,
    says:
      "`run` of a bundle whose program is `true`: new pid, mount, network, ipc, uts and cgroup namespaces, the mounts and devices of `runc spec`.\n" +
      "Goal: at most 0.6 of runc and 1.5 of crun. crun is timed without the v2 hierarchy of a hybrid layout, which it refuses.",
    unit: "ms",
    tables,
  };
}

if (import.meta.main) {
  const tables: Table[] = await timeRuns(["crun"], existsSync(UNIFIED) ? "run true, v1 alone" : "run true");
  console.log(JSON.stringify(tables satisfies { rows: readonly Measured[] }[]));
}
