/**
 * youki's contest against `teu-runtime` and, in the same run, against runc. By hand, from a copy of youki's source in which its
 * scripts/build.sh has made `contest` and `runtimetest`; the latter has to be static, or no container can run it:
 *
 *   bun scripts/conformance-contest.ts FOLDER [--write] [GROUP ...]      --write: write docs/reference/conformance.md anew
 *
 * FOLDER is that copy. Needs root and runc. Each group of tests runs in a process, a mount and a network namespace of its
 * own: a test that panics would end all others, and some change the mounts and devices of the host.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeRows, provenance, type Row, TEU, writeSection } from "./conformance-page.ts";
import { CONTEST_EXCUSED, CONTEST_REASONS } from "./conformance-reasons.ts";

const TIMEOUT_SECONDS = 180;
/** The host's mounts and devices are not theirs; what they mount under /run/netns goes with them. */
const APART = `mount --make-rshared / && mkdir -p /run/netns && mount -t tmpfs netns /run/netns && ip link set lo up && exec "$@"`;

/** What became of the tests of a group, by their names. */
type Results = ReadonlyMap<string, { readonly result: string; readonly why: string }>;

async function runGroup(built: string, folder: string, runtime: string, group: string): Promise<Results> {
  const contest = join(built, "contest");
  const words = ["run", "--runtime", runtime, "--runtimetest", join(built, "runtimetest"), "-t", group];
  // Output to a file that is there already would leave what is longer.
  for (const name of ["out", "err"]) rmSync(join(folder, name), { force: true });
  const command = ["timeout", "-k", "5", String(TIMEOUT_SECONDS), contest, ...words];
  const child = Bun.spawn(["unshare", "-mn", "--propagation", "slave", "sh", "-c", APART, "-", ...command], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", RUNTIME_KIND: "runc" },
    stdin: "ignore",
    stdout: Bun.file(join(folder, "out")),
    stderr: Bun.file(join(folder, "err")),
  });
  await child.exited;
  const text = readFileSync(join(folder, "out"), "utf8");
  const points = text.matchAll(
    /^\d+ \/ \d+ : (\S+) : (ok|not ok|skipped)\n?(?:\t([\s\S]*?))?(?=^\d+ \/ |^# End)/gm,
  );
  return new Map(
    [...points].map(([, name = "", result = "", why = ""]) => [name, { result, why: why.trim() }]),
  );
}

/**
 * A runtime that contest can call, and its path. Contest starts a container 150 ms after it has asked for it, ready or not, and then waits without
 * end for one that never starts: here `start` waits until there is a container.
 */
function writeRuntime(folder: string, name: string, call: string): string {
  const path = join(folder, name);
  const wait = `[ "\${3-}" != start ] || for _ in {1..100}; do [ -e "$2/$4/state.json" ] && break; sleep 0.1; done`;
  writeFileSync(path, `#!/bin/bash\n${wait}\n${call}\n`, { mode: 0o755 });
  return path;
}

/** Whether runc passes what we do not, and need to. */
function isLost(group: string, ours: Results, theirs: Results): boolean {
  return [...theirs].some(
    ([name, { result }]) =>
      result === "ok" && ours.get(name)?.result !== "ok" && CONTEST_EXCUSED[`${group}/${name}`] === undefined,
  );
}

const WORDS: Readonly<Record<string, string>> = { ok: "pass", "not ok": "fail", skipped: "skipped" };

const [built = "", ...chosen] = Bun.argv.slice(2).filter((word) => !word.startsWith("--"));
const folder = mkdtempSync(join(tmpdir(), "teu-contest-"));
const rows: Row[] = [];
let failed = 0;
try {
  copyFileSync(join(built, "tests/contest/contest/bundle.tar.gz"), join(folder, "bundle.tar.gz"));
  // A link would be followed to its end. Under runc's name errors are told in runc's format: contest looks for "error".
  const teu = writeRuntime(folder, "teu-runtime", `exec -a runc ${TEU} "$@"`);
  const runc = writeRuntime(folder, "runc", `exec ${Bun.which("runc") ?? "runc"} "$@"`);
  const list = Bun.spawnSync([join(built, "contest"), "list"], {
    cwd: folder,
  }).stdout.toString();
  const groups = chosen.length > 0 ? chosen : (list.match(/^\w+$/gm) ?? []);
  for (const group of groups) {
    const theirs = await runGroup(built, folder, runc, group);
    let ours = await runGroup(built, folder, teu, group);
    // Its containers live for ten seconds, which a busy machine may take between two commands.
    if (isLost(group, ours, theirs)) ours = await runGroup(built, folder, teu, group);
    for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
      const [one, other] = [ours.get(name), theirs.get(name)];
      const key = `${group}/${name}`;
      const isPass = one?.result === "ok";
      const excused = CONTEST_EXCUSED[key];
      const reason = isPass
        ? ""
        : (excused ?? CONTEST_REASONS[key] ?? CONTEST_REASONS[group] ?? one?.why.split("\n")[0] ?? "");
      const word = (result: string | undefined): string => WORDS[result ?? ""] ?? "no result";
      rows.push({ name: key, teu: word(one?.result), runc: word(other?.result), reason });
      const isCaseLost = other?.result === "ok" && !isPass && excused === undefined;
      if (isCaseLost) failed += 1;
      console.log(`${isCaseLost ? "LOST " : ""}${key}: ${word(one?.result)}; runc: ${word(other?.result)}`);
      if (isCaseLost) console.log((one?.why ?? "").slice(0, 500).replaceAll(/^/gm, "    "));
    }
    if (ours.size === 0 && theirs.size === 0) console.log(`${group}: no result under either`);
  }
  const passed = (name: "teu" | "runc"): number => rows.filter((row) => row[name] === "pass").length;
  const commit = readFileSync(join(built, "COMMIT"), "utf8").trim();
  if (Bun.argv.includes("--write"))
    writeSection(
      "youki's contest",
      `The tests of [youki](https://github.com/youki-dev/youki) at \`${commit.slice(0, 12)}\`, run by hand with \`scripts/conformance-contest.ts\`.
${provenance()}

Of ${rows.length} cases ${passed("teu")} pass under teu and ${passed("runc")} under runc.

${encodeRows("case", rows)}`,
    );
  console.log(`${rows.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && rows.length > 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
