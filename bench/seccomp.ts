/** What a filter costs with each system call: docker's default profile, as we compile it and as runc does by libseccomp. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CAPABILITIES } from "../src/engine/bundle/defaults.ts";
import { defaultSeccomp } from "../src/engine/default-seccomp.ts";
import type { Seccomp } from "../src/spec/index.ts";
import { architecture, type SystemCall, systemCallNumber } from "../src/sys/index.ts";
import { baseConfig, makeBundle, withLinux, withProcess } from "../test/integration/support/bundle.ts";
import { TEU } from "../test/integration/teu.ts";
import { NEWEST_RUNC, newestRunc } from "./support/newest-runc.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject } from "./support/sample.ts";

const COUNT = 1_000_000;

/** Calls that fail at once, or do next to nothing. */
const QUESTIONS: readonly { readonly name: string; readonly call: SystemCall; readonly argument: number }[] =
  [
    {
      name: "getppid: allowed whatever its arguments, which the kernel remembers",
      call: "getppid",
      argument: 0,
    },
    {
      name: "personality: allowed for some arguments, so that the filter runs",
      call: "personality",
      argument: 0xffffffff,
    },
    { name: "socket: allowed but for some families", call: "socket", argument: 1000 },
  ];

export async function benchSeccomp(): Promise<Section | Skipped> {
  const title = "System calls under a filter";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-"));
  using bundle = makeBundle();
  const loop = join(bundle.rootfs, "bin/call-loop");
  const source = join(import.meta.dir, "support/call-loop.c");
  const built = Bun.spawnSync(["cc", "-O2", "-static", "-o", loop, source]);
  if (!built.success) return { title, reason: `cc: ${built.stderr}` };
  try {
    const profile = defaultSeccomp({ capabilities: CAPABILITIES, architecture });
    const newest = newestRunc();
    const tables: Table[] = [];
    for (const { name, call, argument } of QUESTIONS) {
      const words = [systemCallNumber(call, architecture), argument, COUNT].map(String);
      const by = (subject: string, command: readonly string[], seccomp?: Seccomp): Subject => ({
        name: subject,
        sample() {
          bundle.writeConfig(
            withLinux(seccomp === undefined ? {} : { seccomp })(
              withProcess({ args: ["/bin/call-loop", ...words] })(baseConfig("")),
            ),
          );
          return nanoseconds(
            [...command, "--root", join(folder, "state"), "run", "--bundle", bundle.path],
            folder,
          );
        },
      });
      const rows = await measure(
        [
          by("runc", ["runc"], profile),
          ...(newest === undefined ? [] : [by(NEWEST_RUNC, [newest], profile)]),
          by("teu", [TEU, "runtime"], profile),
          by("teu, without a filter", [TEU, "runtime"]),
        ],
        { samples: SAMPLES, pauseMs: 0 },
      );
      tables.push({ name, rows });
    }
    const names = (profile.syscalls ?? []).reduce((sum, rule) => sum + rule.names.length, 0);
    return {
      title,
      says: `${COUNT.toLocaleString("en")} calls in a loop in a container with docker's default profile (${names} names): what one takes. Goal: at most 1.0 of runc.`,
      unit: "ns",
      tables,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

let count = 0;

function nanoseconds(command: readonly string[], folder: string): number {
  const messages = join(folder, "messages");
  const result = Bun.spawnSync([...command, `teu-bench-${process.pid}-${++count}`], {
    stdin: "ignore",
    stderr: Bun.file(messages),
  });
  if (!result.success) throw new Error(`${command.join(" ")}: ${readFileSync(messages, "utf8")}`);
  return Number(result.stdout.toString());
}
