/** native/monitor.c with a shell in the container's place: no root, no runtime, the real sockets and pipes. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program, root } from "../../../test/support/needs.ts";
import { type HostPath, startTimeOf } from "../../base/index.ts";
import { openTerminal, pipe } from "../../sys/index.ts";
import { Attachment } from "./attachment.ts";
import { MonitorControl } from "./control.ts";
import { readExitRecord } from "./exit-record.ts";
import { Monitor } from "./monitor.ts";
import type { Configuration, Kept, LogFormat, Wants } from "./protocol.ts";
import { listenIn } from "./socket.ts";

let directory: HostPath;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "teu-monitor-")) as HostPath;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const OUTPUT: Wants = { stdin: false, stdout: true, stderr: true, allBytes: true };
const BOTH: Wants = { ...OUTPUT, stdin: true };

interface Options {
  readonly format?: LogFormat;
  readonly maxBytes?: number;
  readonly files?: number;
  readonly stdinOnce?: boolean;
  readonly isPassing?: boolean;
  readonly handler?: readonly string[];
  readonly terminal?: boolean;
  /** Where the log and the exit record go. */
  readonly log?: HostPath;
}

function configurationOf(options: Options): Configuration {
  const { format = "cri", maxBytes = 0, files = 1, stdinOnce = false, isPassing = false, handler } = options;
  return {
    log: { format, maxBytes, files },
    stdinOnce,
    isPassing,
    handler: handler && { path: "/bin/sh", argv: ["sh", "-c", ...handler], env: ["WHO=handler"] },
  };
}

/** A shell that runs `script` under a monitor of its own, when it is told to `go`. */
function start(script: string, options: Options = {}): { monitor: Monitor; pid: number; go: () => void } {
  const opened: number[] = [];
  const open = (descriptor: number) => {
    opened.push(descriptor);
    return descriptor;
  };
  const monitor = Monitor.start();
  try {
    const shell = open(openSync("/bin/sh", "r"));
    const kept: Kept = {
      directory: open(openSync(options.log ?? directory, "r")),
      listener: open(listenIn(directory)),
    };
    const gate = pipe();
    open(gate.read);
    const pipes = [pipe(), pipe(), pipe()] as const;
    for (const { read, write } of pipes) opened.push(read, write);
    const [input, output, errors] = pipes;
    const streams = { stdin: input.write, stdout: output.read, stderr: errors.read };
    monitor.configure(options.terminal ? kept : { ...kept, ...streams }, configurationOf(options));
    let stdio = [input.read, output.write, errors.write];
    if (options.terminal) {
      const { master, slave } = openTerminal();
      opened.push(master, slave);
      monitor.giveTerminal(master);
      stdio = [slave, slave, slave];
    }
    const { pid, pidfd } = monitor.spawn({
      executable: shell,
      argv: ["sh", "-c", `read go <&3; exec 3<&-; ${script}`],
      env: ["PATH=/usr/bin:/bin"],
      descriptors: [...stdio, gate.read],
    });
    closeSync(pidfd);
    return { monitor, pid, go: () => closeSync(gate.write) };
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Runs `script` to its end; what an attached client saw, and what the monitor left. */
async function run(
  script: string,
  options: Options = {},
  wants: Wants = OUTPUT,
  act?: (to: Attachment) => unknown,
) {
  const { monitor, pid, go } = start(script, options);
  using attachment = new Attachment(directory, wants);
  monitor.nameContainer(pid);
  monitor[Symbol.dispose]();
  go();
  const seen = { stdout: "", stderr: "", lost: 0, exit: -1, pid };
  const acted = act?.(attachment);
  for await (const frame of attachment.frames()) {
    if (frame.kind === "output") seen[frame.stream] += Buffer.from(frame.bytes).toString();
    if (frame.kind === "lost") seen.lost += frame.bytes;
    if (frame.kind === "exit") seen.exit = frame.waitStatus;
  }
  await acted;
  return seen;
}

function log(name = "log"): string {
  return readFileSync(join(directory, name), "utf8");
}

/** The log's lines without their times, which are checked. */
function entries(name?: string): string[] {
  return log(name)
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [FP] /);
      expect(Math.abs(Date.parse(line.slice(0, 30)) - Date.now())).toBeLessThan(60_000);
      return line.slice(31);
    });
}

/** Waits for `condition`, which something outside brings about. */
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("it did not happen within 20 s");
    await Bun.sleep(5);
  }
}

describe("a container under a monitor", () => {
  test("is seen by who attaches, logged line by line, and its end is recorded", async () => {
    const seen = await run("echo one; echo two >&2; printf three; exit 7");
    expect(seen).toMatchObject({ stdout: "one\nthree", stderr: "two\n", lost: 0, exit: 7 << 8 });
    expect(entries().filter((line) => line.startsWith("stdout"))).toEqual(["stdout F one", "stdout P three"]);
    expect(entries()).toContain("stderr F two");
    expect(readExitRecord(directory)).toMatchObject({ pid: seen.pid, status: 7, signal: 0, oomKills: 0 });
    expect(readdirSync(directory).toSorted()).toEqual(["attach.sock", "exit", "log"]);
  });

  test("that is killed has 128 and the signal as its status", async () => {
    await run("kill -9 $$");
    expect(readExitRecord(directory)).toMatchObject({ status: 137, signal: 9 });
  });

  // The file was never handed over, and the count was always 0. Two forms: v1's memory.oom_control, v2's memory.events.
  test.each([
    ["memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 12\n"],
    ["memory.events", "low 0\nhigh 0\nmax 31\noom 13\noom_kill 12\noom_group_kill 1\n"],
  ])("has the kernel's kills counted that %s tells in the end", async (name, text) => {
    const file = join(directory, name);
    writeFileSync(file, text.replace("12", "0"));
    const { monitor, pid, go } = start(`printf '${text.replaceAll("\n", "\\n")}' >${file}; exit 1`);
    const events = openSync(file, "r");
    monitor.nameContainer(pid, events);
    closeSync(events);
    monitor[Symbol.dispose]();
    go();
    await until(() => existsSync(join(directory, "exit")));
    expect(readExitRecord(directory)).toMatchObject({ status: 1, oomKills: 12 });
  });

  test("that has ended before anyone said which process it is was never one", () => {
    const { monitor, pid, go } = start("exit 3");
    using _ = monitor;
    go();
    expect(monitor.reap(pid)).toMatchObject({ pid, status: 3 });
    expect(() => monitor.nameContainer(pid)).toThrow("monitor: the container's first process has ended");
  });

  test("ends with the monitor's starter, as long as it has not been named", async () => {
    const { monitor, pid, go } = start("sleep 100");
    go();
    monitor[Symbol.dispose]();
    await until(() => !existsSync(`/proc/${pid}`));
    expect(existsSync(join(directory, "exit"))).toBe(false);
  });

  test("has a line longer than 16 KiB logged in parts", async () => {
    await run("head -c 40000 /dev/zero | tr '\\0' x; echo; echo short");
    const lines = entries();
    expect(lines.map((line) => line.slice(0, 9))).toEqual([
      "stdout P ",
      "stdout P ",
      "stdout F ",
      "stdout F ",
    ]);
    expect(lines.map((line) => line.length - 9)).toEqual([16_384, 16_384, 40_000 - 2 * 16_384, 5]);
  });

  test("has a log that is rotated by size, the newest in `log`", async () => {
    await run("i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i + 1)); done", { maxBytes: 4096, files: 3 });
    expect(readdirSync(directory).filter((name) => name.startsWith("log"))).toHaveLength(3);
    const all = ["log.2", "log.1", "log"].flatMap((name) => entries(name));
    expect(all.at(-1)).toBe("stdout F line 399");
    const first = Number(all[0]?.split(" ").at(-1));
    expect(all).toEqual(Array.from({ length: 400 - first }, (_, index) => `stdout F line ${first + index}`));
  });

  test("has its log as JSON if that is wanted, every byte of a line kept", async () => {
    await run(`printf 'a "quoted" \\\\ \\001 \\t line\\nend'`, { format: "json" });
    const lines = log()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { log: 'a "quoted" \\ \u0001 \t line\n', stream: "stdout", time: expect.any(String) },
      { log: "end", stream: "stdout", time: expect.any(String) },
    ]);
  });

  test("has no log if none is wanted", async () => {
    expect((await run("echo hello", { format: "none" })).stdout).toBe("hello\n");
    expect(existsSync(join(directory, "log"))).toBe(false);
  });

  test("reads what is typed, and its end", async () => {
    const seen = await run("cat; echo end", {}, BOTH, async (to) => {
      await to.write(Buffer.from("typed\n"));
      await to.endInput();
    });
    expect(seen.stdout).toBe("typed\nend\n");
  });

  test("reads megabytes as fast as it takes them, and nothing is lost on the way back", async () => {
    const bytes = Buffer.alloc(3 << 20, "0123456789abcdef");
    const seen = await run("cat", { format: "none" }, BOTH, async (to) => {
      await to.write(bytes);
      await to.endInput();
    });
    expect(seen.stdout.length).toBe(bytes.length);
    expect(seen.stdout).toBe(bytes.toString());
    expect(seen.lost).toBe(0);
  });

  test("reads the end of its input when the last one who wrote has left", async () => {
    const { monitor, pid, go } = start("cat >/dev/null; exit 5", { stdinOnce: true });
    monitor.nameContainer(pid);
    go();
    {
      using attachment = new Attachment(directory, BOTH);
      await attachment.write(Buffer.from("hello"));
    }
    await until(() => existsSync(join(directory, "exit")));
    expect(readExitRecord(directory)?.status).toBe(5);
    monitor[Symbol.dispose]();
  });

  // The monitor was killed by SIGPIPE: no exit record, and the container's status was told as 137 or 0.
  test("that has closed its input goes on while somebody types", async () => {
    const typed = join(directory, "typed");
    const { monitor, pid, go } = start(
      `exec 0<&-; echo closed; until [ -e ${typed} ]; do sleep 0.01; done; exit 5`,
    );
    using attachment = new Attachment(directory, BOTH);
    monitor.nameContainer(pid);
    monitor[Symbol.dispose]();
    go();
    try {
      for await (const frame of attachment.frames()) {
        if (frame.kind === "output") {
          await attachment.write(Buffer.from("nobody reads this\n"));
          await attachment.reopenLog(); // its answer says that the monitor has dealt with what was typed
        }
        if (frame.kind === "done") writeFileSync(typed, "");
      }
    } finally {
      writeFileSync(typed, "");
    }
    expect(readExitRecord(directory)).toMatchObject({ pid, status: 5, signal: 0 });
  });

  // The same for what the monitor writes to its starter, which may have left a moment before.
  test("begins with no signal blocked, though its monitor blocks SIGPIPE", async () => {
    const blocked = (status: string) => BigInt(`0x${/^SigBlk:\t(\w+)/m.exec(status)?.[1]}`);
    const { monitor, pid, go } = start("cat /proc/self/status");
    const sigpipe = 1n << 12n;
    expect(blocked(readFileSync(`/proc/${monitor.pid}/status`, "utf8")) & sigpipe).toBe(sigpipe);
    using attachment = new Attachment(directory, OUTPUT);
    monitor.nameContainer(pid);
    monitor[Symbol.dispose]();
    go();
    let status = "";
    for await (const frame of attachment.frames())
      if (frame.kind === "output") status += Buffer.from(frame.bytes).toString();
    expect(blocked(status)).toBe(0n);
  });

  test("goes on when a client does not read, which is told how much it missed", async () => {
    const { monitor, pid, go } = start("head -c 4000000 /dev/zero; echo done >&2; read line", {
      format: "none",
    });
    using deaf = new Attachment(directory, { ...OUTPUT, allBytes: false });
    using other = new Attachment(directory, { ...BOTH, stdout: false });
    monitor.nameContainer(pid);
    go();
    for await (const frame of other.frames()) {
      // It has written all of it, though nobody has read any.
      if (frame.kind === "output" && frame.stream === "stderr") await other.write(Buffer.from("\n"));
    }
    let [got, lost] = [0, 0];
    for await (const frame of deaf.frames()) {
      if (frame.kind === "output" && frame.stream === "stdout") got += frame.bytes.length;
      if (frame.kind === "lost") lost += frame.bytes;
    }
    expect(lost).toBeGreaterThan(0);
    expect(got).toBeGreaterThan(0);
    monitor[Symbol.dispose]();
  });

  test("has a terminal that can be resized", async () => {
    const seen = await run("stty size; read line; stty size", { terminal: true }, BOTH, async (to) => {
      await to.resize({ rows: 33, columns: 101 });
      await to.write(Buffer.from("\n"));
    });
    expect(seen.stdout.replaceAll("\r", "")).toEndWith("33 101\n");
    expect(entries().at(-1)).toStartWith("stdout F 33 101");
  });

  test("has a new log begun when the old one was renamed", async () => {
    const seen = await run("echo before; read line; echo after", {}, BOTH, async (to) => {
      await until(() => log() !== "");
      renameSync(join(directory, "log"), join(directory, "old"));
      await to.reopenLog();
      await until(() => existsSync(join(directory, "log")));
      await to.write(Buffer.from("\n"));
    });
    expect(seen.stdout).toBe("before\nafter\n");
    expect(entries("old")).toEqual(["stdout F before"]);
    expect(entries()).toEqual(["stdout F after"]);
  });

  test("goes on when its log cannot be written, and what was lost is told", async () => {
    // /dev/full stands for a full disk: every write to it ends with ENOSPC.
    symlinkSync("/dev/full", join(directory, "log"));
    const { monitor, pid, go } = start("echo lost; read line; echo kept");
    using attachment = new Attachment(directory, BOTH);
    monitor.nameContainer(pid);
    go();
    for await (const frame of attachment.frames()) {
      // What was written has been logged before it is seen.
      if (frame.kind !== "output" || Buffer.from(frame.bytes).toString() !== "lost\n") continue;
      rmSync(join(directory, "log"));
      await attachment.reopenLog();
      await attachment.write(Buffer.from("\n"));
    }
    monitor[Symbol.dispose]();
    const [notice, kept] = entries();
    expect(notice).toMatch(/^stderr F teu: \d+ bytes of the log were lost/);
    expect(kept).toBe("stdout F kept");
  });

  test("is followed by the program that was named, with an environment of its own", async () => {
    await run("exit 4", {
      handler: [
        `cat ${directory}/exit >${directory}/seen; env >>${directory}/seen; mv ${directory}/seen ${directory}/told`,
      ],
    });
    await until(() => existsSync(join(directory, "told")));
    const told = log("told");
    expect(told).toContain('"status":4');
    expect(told).toContain("WHO=handler");
    expect(told).not.toContain("HOME=");
  });

  // poll of more entries than that is EINVAL: it turned round for ever, and nobody learnt of the end.
  test("is followed by nothing where a client does that, as long as the client is there", async () => {
    const marks = [0, 1].map((number) => join(directory, `handler-${number}`));
    for (const [number, mark] of marks.entries()) {
      const { monitor, pid, go } = start("exit 4", { handler: [`echo >${mark}`] });
      monitor.nameContainer(pid);
      monitor[Symbol.dispose]();
      using client = new Attachment(directory, { ...OUTPUT, allBytes: false, settles: true });
      if (number === 1) client[Symbol.dispose]();
      go();
      await until(() => startTimeOf(monitor.pid) === undefined);
      for (const name of ["attach.sock", "exit", "log"]) rmSync(join(directory, name), { force: true });
    }
    await until(() => existsSync(marks[1] ?? ""));
    expect(existsSync(marks[0] ?? "")).toBe(false);
  });

  const traced = needs(root, program("strace"), program("prlimit"));
  traced("ends also where its monitor may open few files, and without waiting for the disk", async () => {
    const { monitor, pid, go } = start("echo out; exit 7", { isPassing: true });
    monitor.nameContainer(pid);
    Bun.spawnSync(["prlimit", "--pid", `${monitor.pid}`, "--nofile=20:20"]);
    const tracing = Bun.spawn(
      ["strace", "-qq", "-e", "trace=fsync,fdatasync,renameat2", "-p", `${monitor.pid}`],
      {
        stderr: "pipe",
      },
    );
    const calls = tracing.stderr.text();
    await until(() => /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${monitor.pid}/status`, "utf8")));
    monitor[Symbol.dispose]();
    go();
    await until(() => existsSync(join(directory, "exit")));
    expect(await calls).toMatch(/^renameat2\(.*"exit".*\n(--- .*\n)?$/);
    expect(readExitRecord(directory)).toMatchObject({ pid, status: 7 });
  });

  traced("waits for no disk where a client has it end to remove it", async () => {
    const { monitor, pid, go } = start("echo out; kill -STOP $$");
    monitor.nameContainer(pid);
    const tracing = Bun.spawn(
      ["strace", "-qq", "-e", "trace=fsync,fdatasync,renameat2", "-p", `${monitor.pid}`],
      { stderr: "pipe" },
    );
    const calls = tracing.stderr.text();
    await until(() => /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${monitor.pid}/status`, "utf8")));
    using _attachment = new Attachment(directory, { ...OUTPUT, settles: true, removes: true });
    monitor[Symbol.dispose]();
    go();
    process.kill(pid, "SIGKILL");
    await until(() => existsSync(join(directory, "exit")));
    expect(await calls).toMatch(/^renameat2\(.*"exit".*\n(--- .*\n)?$/);
    expect(readExitRecord(directory)).toMatchObject({ pid, signal: 9 });
  });

  test("a record that a power cut has left empty is none", () => {
    writeFileSync(join(directory, "exit"), "");
    expect(readExitRecord(directory)).toBeUndefined();
  });

  test("has programs started in it by a later teu, whose ends are added to a file, its own last", async () => {
    const { monitor, pid, go } = start("cat >/dev/null");
    monitor.nameContainer(pid);
    monitor[Symbol.dispose]();
    go();
    const [file, shell] = [join(directory, "told") as HostPath, openSync("/bin/sh", "r")];
    const spawn = (control: MonitorControl | undefined, script: string) => {
      const child = control?.spawn({
        executable: shell,
        argv: ["sh", "-c", script],
        env: [],
        descriptors: [],
      });
      closeSync(child?.pidfd ?? -1);
      return child?.pid ?? 0;
    };
    {
      using control = MonitorControl.of(directory);
      using other = MonitorControl.of(directory);
      // It has ended before anybody says what is to be told of it: then whoever asks knows.
      const quick = spawn(control, "exit 3");
      expect(control?.reap(quick)).toMatchObject({ status: 3 });
      expect(control?.tellEnd(quick, file, "quick")).toMatchObject({ status: 3 });
      const [slow, killed] = [spawn(control, "sleep 0.2; exit 4"), spawn(other, "sleep 1000")];
      expect(control?.tellEnd(slow, file, '{"a":{"b":"')).toBeUndefined();
      expect(other?.tellEnd(killed, file, '{"c":{"d":"')).toBeUndefined();
      // No child of its own, and no text that ends.
      expect(control?.tellEnd(process.pid, file, "none")).toBeUndefined();
      process.kill(killed, "SIGKILL");
    }
    await until(() => existsSync(file) && readFileSync(file, "utf8").split("\n").length === 3);
    const lines = readFileSync(file, "utf8").trimEnd().split("\n").sort();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { a: { b: "4" }, time: expect.any(Number) },
      { c: { d: "137" }, time: expect.any(Number) },
    ]);
    // Who outlives the container, with the machine's process IDs, is waited for.
    {
      using control = MonitorControl.of(directory);
      const last = spawn(control, "sleep 0.5");
      control?.tellEnd(last, file, '{"e":{"f":"');
      process.kill(pid, "SIGKILL");
      await until(() => existsSync(join(directory, "exit")));
      process.kill(last, "SIGKILL");
    }
    await until(() => readFileSync(file, "utf8").includes('{"e":{"f":"137"},"time":'));
    closeSync(shell);
  });

  test("has no more than so many clients; a later teu starts its programs by itself then", async () => {
    const { monitor, pid, go } = start("cat >/dev/null");
    monitor.nameContainer(pid);
    monitor[Symbol.dispose]();
    using many = new DisposableStack();
    for (let count = 0; count < 32; count++) many.use(new Attachment(directory, OUTPUT));
    expect(MonitorControl.of(directory)).toBeUndefined();
    go();
    process.kill(pid, "SIGKILL");
    await until(() => existsSync(join(directory, "exit")));
  });

  test("has a monitor of a few kilobytes, in a session of its own", async () => {
    const { monitor, pid, go } = start("sleep 100");
    monitor.nameContainer(pid);
    go();
    const rollup = readFileSync(`/proc/${monitor.pid}/smaps_rollup`, "utf8");
    expect(Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1])).toBeLessThanOrEqual(150);
    const status = readFileSync(`/proc/${monitor.pid}/stat`, "utf8").split(" ");
    expect(status[5]).toBe(String(monitor.pid));
    process.kill(pid, "SIGKILL");
    monitor[Symbol.dispose]();
    await until(() => existsSync(join(directory, "exit")));
  });
});
