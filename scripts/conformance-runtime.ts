/**
 * `make conformance-runtime`: the validation programs of opencontainers/runtime-tools, at a pinned version, against
 * `teu-runtime` and, in the same run, against runc.
 *
 *   bun scripts/conformance-runtime.ts [--write] [PROGRAM ...]      --write: write docs/reference/conformance.md anew
 *
 * Needs root, runc and Go 1.21 or newer; what is built is kept in the user's cache folder. A program fails here when runc
 * passes what we do not, and when it fails under both and conformance-reasons.ts does not say why. The last line is
 * `N passed, N failed`.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { encodeRows, provenance, type Row, TEU, writeSection } from "./conformance-page.ts";
import { VALIDATION_EXCUSED, VALIDATION_REASONS } from "./conformance-reasons.ts";

const MODULE = "github.com/opencontainers/runtime-tools";
/** The newest commit of the main branch that the Go proxy has. */
const PINNED = "v0.9.1-0.20251114084447-edf4cb3d2116";
const CACHE = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "teu/runtime-tools", PINNED);
/** On a busy machine one of them makes 16 containers in a minute. */
const TIMEOUT_MS = 180_000;
/** Most of the time a program waits for a container, so a few can run at once. */
const AT_ONCE = 4;

type RuntimeName = "teu" | "runc";

/** What one program said of one runtime. */
interface Outcome {
  readonly isPass: boolean;
  /** Points of the Test Anything Protocol, by what they say. */
  readonly ok: readonly string[];
  readonly notOk: readonly string[];
  readonly words: string;
  readonly log: string;
}

/** Builds the programs, if this version of them is not built yet. */
function install(): string {
  const programs = join(CACHE, "programs");
  if (existsSync(programs)) return programs;
  const go = Bun.which("go") ?? Bun.which("go", { PATH: "/usr/local/go/bin" });
  if (go === null) throw new Error("conformance-runtime: Go 1.21 or newer is needed, and there is no go");
  mkdirSync(CACHE, { recursive: true });
  const call = (words: readonly string[], cwd: string, env = {}): string => {
    const { success, stdout, stderr } = Bun.spawnSync([go, ...words], {
      cwd,
      env: { ...process.env, GOFLAGS: "-mod=mod -buildvcs=false -modcacherw", ...env },
    });
    if (!success) throw new Error(`go ${words.join(" ")}: ${stdout.toString()}${stderr.toString()}`);
    return stdout.toString();
  };
  const { Dir: module } = JSON.parse(call(["mod", "download", "-json", `${MODULE}@${PINNED}`], "/")) as {
    Dir: string;
  }; // go's own format
  // In the module's own folder its go.sum counts: what is built is what its authors pinned.
  const made = mkdtempSync(join(CACHE, "making-"));
  call(["build", "-ldflags=-s -w", "-o", `${made}/`, "./validation/..."], module);
  call(["build", "-ldflags=-s -w", "-o", `${made}/`, "./cmd/runtimetest"], module, { CGO_ENABLED: "0" });
  const root = readdirSync(module).filter((name) => /^rootfs-.*\.tar\.gz$/.test(name));
  for (const name of root) copyFileSync(join(module, name), join(made, name));
  renameSync(made, programs);
  return programs;
}

/** The programs call a runtime by one word: a script that adds the state folder. */
function writeCaller(folder: string, name: RuntimeName, command: string): string {
  const path = join(folder, `run-${name}`);
  const state = join(folder, `state-${name}`);
  mkdirSync(state);
  writeFileSync(path, `#!/bin/sh\nexec ${command} --root ${state} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

async function runProgram(programs: string, name: string, caller: string, folder: string): Promise<Outcome> {
  const [out, err] = [`${caller}-${name}.out`, `${caller}-${name}.err`];
  const child = Bun.spawn([join(programs, name)], {
    cwd: programs,
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder, RUNTIME: caller },
    stdin: "ignore",
    stdout: Bun.file(out),
    stderr: Bun.file(err),
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  await child.exited;
  const text = readFileSync(out, "utf8");
  const log = readFileSync(err, "utf8");
  return outcomeOf(text, child.signalCode === null ? child.exitCode : undefined, log);
}

/** @param status  undefined: it was ended after its time. */
function outcomeOf(text: string, status: number | null | undefined, stderr: string): Outcome {
  const points = (begin: string): string[] =>
    [...text.matchAll(new RegExp(`^${begin} \\d+(?: - )?(.*)$`, "gm"))].map(([, says = ""]) => says.trim());
  const [ok, notOk] = [points("ok"), points("not ok")];
  // Some programs tell an error beside a plan of no points, and end with status 0.
  const isSilentFailure = ok.length === 0 && /^ *"error": "[^"]/m.test(text);
  const isPass = status === 0 && notOk.length === 0 && !isSilentFailure;
  const points_ = ok.length + notOk.length;
  const words =
    status === undefined
      ? "no end"
      : isPass
        ? points_ === 0
          ? "pass"
          : `pass, ${ok.length}`
        : notOk.length > 0
          ? `fail, ${notOk.length} of ${points_}`
          : "fail";
  return { isPass, ok, notOk, words, log: `${text}${stderr}` };
}

/** What runc passes and we do not: the whole program, or points of it by what they say. */
function lost(teu: Outcome, runc: Outcome): string[] {
  if (teu.isPass) return [];
  if (runc.isPass) return ["the program"];
  const count = (list: readonly string[], text: string): number =>
    list.filter((other) => other === text).length;
  return [...new Set(teu.notOk)].filter(
    (text) => count(teu.notOk, text) > count(runc.notOk, text) && runc.ok.includes(text),
  );
}

/** They use one cgroup with a fixed name. */
const SHARE_A_CGROUP = /^(linux_cgroups_|delete_resources|delete_only_create_resources)/;

/** Those run one after the other; the others side by side. */
async function runAll(names: readonly string[], each: (name: string) => Promise<void>): Promise<void> {
  const cgroups = names.filter((name) => SHARE_A_CGROUP.test(name));
  const rest = names.filter((name) => !SHARE_A_CGROUP.test(name));
  const lane = async (own: string[]): Promise<void> => {
    for (let name = own.shift(); name !== undefined; name = own.shift()) await each(name);
  };
  await Promise.all([lane(cgroups), ...Array.from({ length: AT_ONCE - 1 }, () => lane(rest))]);
}

/** Containers of programs that were ended, or that forgot them; and what is mounted below `folder`. */
function cleanUp(callers: Readonly<Record<RuntimeName, string>>, folder: string): void {
  for (const caller of Object.values(callers)) {
    const ids = Bun.spawnSync([caller, "list", "-q"]).stdout.toString().split("\n").filter(Boolean);
    for (const id of ids) Bun.spawnSync([caller, "delete", "--force", id]);
  }
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.toReversed())
    if (mount.startsWith(`${folder}/`)) Bun.spawnSync(["umount", "-l", mount]);
}

// Under runc a container without a mount namespace mounts on the host, and leaves it there: so the host is a copy.
if (process.env["CONFORMANCE_APART"] === undefined) {
  const apart = `mount --make-rshared / && CONFORMANCE_APART=1 exec "$@"`;
  // Some of the programs use cgroups with fixed names: one run at a time.
  mkdirSync(CACHE, { recursive: true });
  const { exitCode } = Bun.spawnSync(
    [
      "flock",
      join(CACHE, "lock"),
      "unshare",
      "-m",
      "--propagation",
      "slave",
      "sh",
      "-c",
      apart,
      "-",
      process.execPath,
      ...Bun.argv.slice(1),
    ],
    { stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  process.exit(exitCode);
}

const isWriting = Bun.argv.includes("--write");
const chosen = Bun.argv.slice(2).filter((word) => !word.startsWith("--"));
const folder = mkdtempSync(join(tmpdir(), "teu-conformance-"));
// A root that is mapped to another user has to get to the bundles.
chmodSync(folder, 0o711);
const programs = install();
symlinkSync(TEU, join(folder, "teu-runtime"));
const callers = {
  teu: writeCaller(folder, "teu", join(folder, "teu-runtime")),
  runc: writeCaller(folder, "runc", "runc"),
};
const rows = new Map<string, Row>();
let failed = 0;
try {
  const names = readdirSync(programs).filter((name) => name !== "runtimetest" && !name.includes("."));
  await runAll(chosen.length > 0 ? chosen : names, async (name) => {
    let teu = await runProgram(programs, name, callers.teu, folder);
    const runc = await runProgram(programs, name, callers.runc, folder);
    const excused = VALIDATION_EXCUSED[name];
    const isAccepted = (): boolean =>
      teu.isPass ||
      excused !== undefined ||
      (lost(teu, runc).length === 0 && VALIDATION_REASONS[name] !== undefined);
    if (!isAccepted()) {
      // Some programs ask for a state at a moment that a loaded machine misses: what fails twice is broken.
      console.log(`${name}: ${teu.words}; once more`);
      console.log(teu.log.slice(-2000).replaceAll(/^/gm, "    "));
      teu = await runProgram(programs, name, callers.teu, folder);
    }
    const points = lost(teu, runc);
    const reason = teu.isPass ? "" : (excused ?? VALIDATION_REASONS[name] ?? "");
    rows.set(name, { name, teu: teu.words, runc: runc.words, reason });
    console.log(`${name}: ${teu.words}; runc: ${runc.words}`);
    if (isAccepted()) return;
    failed += 1;
    console.log(points.length > 0 ? `  runc passes: ${points.join("; ")}` : "  no reason is written down");
    console.log(teu.log.slice(-2000).replaceAll(/^/gm, "    "));
  });
  const sorted = [...rows.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  const total = (name: RuntimeName): number => sorted.filter((row) => row[name].startsWith("pass")).length;
  if (isWriting)
    writeSection(
      "runtime-tools",
      `The validation programs of [${MODULE}](https://${MODULE}) \`${PINNED}\`; \`make conformance-runtime\` runs them again, and so does CI.
${provenance()}

Of ${sorted.length} programs ${total("teu")} pass under teu and ${total("runc")} under runc. The number is that of their test points.

${encodeRows("program", sorted)}`,
    );
  console.log(`${rows.size - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && rows.size > 0 ? 0 : 1;
} finally {
  cleanUp(callers, folder);
  rmSync(folder, { recursive: true, force: true });
}
