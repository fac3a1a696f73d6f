/**
 * What the kernel keeps for a process beside its memory: scheduler, I/O priority, CPUs, personality, memory policy. Asked
 * from inside, for PID 1 and for an exec'd process. Source: runtime-spec config.md, Linux process; config-linux.md.
 */
import { describe, expect } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Process } from "../../../src/spec/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import { type Change, changes, withLinux, withProcess } from "../support/bundle.ts";
import { Container, TESTED } from "../support/runtime.ts";

/** runc has these since 1.2 and 1.4. */
const test = TESTED.name === "runc" ? needs({ says: "a newer runc", isMet: () => false }) : needs(root);
const PROBE = join(import.meta.dir, "../../../native/out/probe.elf");

/** A container that waits, with the probe in it. */
async function waiting(change: Change): Promise<Container> {
  const container = new Container();
  copyFileSync(PROBE, join(container.bundle.rootfs, "probe"));
  container.configure("", changes(withProcess({ args: ["/probe", "process", "sleep:1000000"] }), change));
  const started = await container.call(["run", "-d", container.id]);
  expect(started).toMatchObject({ status: 0, stderr: "" });
  while (!container.outputOf(1).includes("\n")) await Bun.sleep(10);
  return container;
}

/** What PID 1 and an exec'd process answer. */
async function answers(container: Container): Promise<Record<string, unknown>[]> {
  const exec = await container.call(["exec", container.id, "/probe", "process"]);
  expect(exec.stderr).toBe("");
  return [container.outputOf(1), exec.stdout].map((text) => JSON.parse(text));
}

const cases: readonly { clause: string; says: string; change: Change; want: Record<string, unknown> }[] = [
  {
    clause: "config.md#linux-process",
    says: "a scheduler with a nice value",
    change: withProcess({ scheduler: { policy: "SCHED_BATCH", nice: 5 } }),
    want: { scheduler: 3, nice: 5 },
  },
  {
    clause: "config.md#linux-process",
    says: "idle, and reset on fork",
    change: withProcess({ scheduler: { policy: "SCHED_IDLE", flags: ["SCHED_FLAG_RESET_ON_FORK"] } }),
    want: { scheduler: 5 | 0x4000_0000 },
  },
  {
    clause: "config.md#linux-process",
    says: "an I/O priority",
    change: withProcess({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 } }),
    want: { ioPriority: (2 << 13) | 6 },
  },
  {
    clause: "config-linux.md#personality",
    says: "a 32-bit machine",
    change: withLinux({ personality: { domain: "LINUX32" } }),
    want: { personality: 8 },
  },
  {
    clause: "config-linux.md#personality",
    says: "none asked",
    change: (config) => config,
    want: { personality: 0 },
  },
];

describe(`a process of ${TESTED.name}`, () => {
  test.each([...cases])("$clause: $says, for create and exec", async ({ change, want }) => {
    await using container = await waiting(change);
    for (const answer of await answers(container)) expect(answer).toMatchObject(want);
  });

  test("exec's own scheduling comes before the container's", async () => {
    await using container = await waiting(withProcess({ scheduler: { policy: "SCHED_OTHER", nice: 3 } }));
    const own: Process = {
      user: { uid: 0, gid: 0 },
      cwd: "/",
      args: ["/probe", "process"],
      scheduler: { policy: "SCHED_OTHER", nice: 7 },
    };
    const file = join(container.bundle.path, "process.json");
    writeFileSync(file, JSON.stringify(own));
    const { stdout } = await container.call(["exec", "-p", file, container.id]);
    expect(JSON.parse(stdout)).toMatchObject({ nice: 7 });
  });

  test("a memory policy, for create and exec", async () => {
    const policy = withLinux({
      memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
    });
    await using container = await waiting(policy);
    const { stdout } = await container.call([
      "exec",
      container.id,
      "/probe",
      "read:/proc/1/numa_maps",
      "read:/proc/self/numa_maps",
    ]);
    const [first, own] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).text as string);
    for (const text of [first, own]) expect(text).toMatch(/^[0-9a-f]+ bind=static:0 /m);
  });

  test("what the kernel refuses is told by the field", async () => {
    await using container = new Container();
    container.configure("true", withLinux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "1000" } }));
    const { status, stderr } = await container.run();
    expect(status).toBe(1);
    expect(stderr).toContain("linux.memoryPolicy: set_mempolicy");
  });
});

describe(`a process of ${TESTED.name} that may open few files`, () => {
  test("is made, as is one that exec adds: what makes it is not held to its limits", async () => {
    await using container = new Container();
    const rlimits = [{ type: "RLIMIT_NOFILE", soft: 3, hard: 3 }];
    container.configure("echo $HOME; ulimit -n; sleep 1000", withProcess({ rlimits }));
    expect((await container.call(["run", "-d", container.id])).stderr).toBe("");
    const { stdout } = await container.call(["exec", container.id, "sh", "-c", "echo $HOME; ulimit -n"]);
    expect(stdout).toBe("/root\n3\n");
    while (container.outputOf(1) !== stdout) await Bun.sleep(20);
  });
});

describe(`inherited descriptors of an exec of ${TESTED.name}`, () => {
  // The second one goes where the socket to the parent is: an execve that failed after that was a success.
  needs(root)("do not stand in the way of an error", async () => {
    await using container = await waiting((config) => config);
    const broken = join(container.bundle.rootfs, "broken");
    writeFileSync(broken, "no program", { mode: 0o755 });
    for (const [path, status] of [
      ["/broken", 255],
      ["/probe", 0],
    ] as const) {
      const words = container.words("exec", "--preserve-fds", "3", container.id, path, "fds");
      const child = Bun.spawn(
        ["sh", "-c", 'exec 3</dev/null 4</dev/null 5</dev/null; exec "$@"', "sh", ...words],
        {
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      expect(await child.exited).toBe(status);
      if (status !== 0) expect(stderr).toContain("exec format error");
      else
        expect(JSON.parse(stdout).descriptors.map(({ fd }: { fd: number }) => fd)).toEqual([
          0, 1, 2, 3, 4, 5,
        ]);
    }
  });
});

describe(`what a process of ${TESTED.name} gets of its caller`, () => {
  const shared = needs(root, program("busybox"));

  // runc gives files away as well; ours stay whose they are.
  shared.each(["run", "exec"])("%s: the user may open the pipes that it writes to", async (verb) => {
    await using container = new Container();
    const script = "echo to stdout >/dev/stdout; echo to stderr >/dev/stderr; stat -Lc %u /proc/self/fd/1";
    const user = withProcess({ user: { uid: 1000, gid: 1000 } });
    if (verb === "run") container.configure(script, user);
    else await container.configure("exec sleep 1000", user).call(["run", "-d", container.id]);
    const words = container.words(verb, container.id, ...(verb === "exec" ? ["/bin/sh", "-c", script] : []));
    // A pipe of the shell: what Bun calls one is a socket, which nobody can open by its name.
    const child = Bun.spawn(["sh", "-c", '"$@" 2>&1 | cat', "sh", ...words], {
      cwd: container.bundle.path,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const stdout = await new Response(child.stdout).text();
    expect(stdout).toBe("to stdout\nto stderr\n1000\n");
  });

  shared("a file stays whose it is", async () => {
    if (TESTED.name === "runc") return;
    await using container = new Container();
    container.configure("stat -Lc %u /proc/self/fd/1", withProcess({ user: { uid: 1000, gid: 1000 } }));
    expect((await container.run()).stdout).toBe("0\n");
  });

  shared("capabilities that nobody knows are told of and left out", async () => {
    await using container = new Container();
    const names = ["CAP_KILL", "CAP_NOT_INVENTED", "CAP_NEITHER"];
    container.configure(
      "grep CapEff: /proc/self/status",
      withProcess({ capabilities: { bounding: names, effective: names, permitted: names } }),
    );
    const { status, stdout, stderr } = await container.run();
    expect({ status, stdout }).toEqual({ status: 0, stdout: "CapEff:\t0000000000000020\n" });
    expect(stderr).toContain("ignoring unknown or unavailable capabilities: [CAP_NEITHER CAP_NOT_INVENTED]");
  });

  /** What keyctl answers: the ID of the session keyring. */
  const SESSION = process.arch === "arm64" ? "call:219,0,-3,0" : "call:250,0,-3,0";
  const idOf = (text: string): number => JSON.parse(text.trim()).result;

  shared.each([
    { says: "a container has a session keyring of its own, and exec finds it", flags: [], isOwn: true },
    { says: "with --no-new-keyring both have the caller's", flags: ["--no-new-keyring"], isOwn: false },
  ])("$says", async ({ flags, isOwn }) => {
    await using container = new Container();
    copyFileSync(PROBE, join(container.bundle.rootfs, "probe"));
    container.configure("", withProcess({ args: ["/probe", SESSION, "sleep:1000000"] }));
    expect(await container.call(["run", "-d", ...flags, container.id])).toMatchObject({ status: 0 });
    while (!container.outputOf(1).includes("\n")) await Bun.sleep(10);
    const exec = await container.call(["exec", container.id, "/probe", SESSION]);
    const callers = idOf(Bun.spawnSync([PROBE, SESSION]).stdout.toString());
    expect(idOf(exec.stdout)).toBe(idOf(container.outputOf(1)));
    if (isOwn) expect(idOf(exec.stdout)).not.toBe(callers);
    else expect(idOf(exec.stdout)).toBe(callers);
  });
});

/** The CPUs of the machine, if there are at least two. */
const two = { says: "two CPUs", isMet: () => navigator.hardwareConcurrency >= 2 };
const withTwo = TESTED.name === "runc" ? test : needs(root, two);

describe(`the CPUs of a process of ${TESTED.name}`, () => {
  /** As the probe prints them. */
  const mask = (number: number): string => number.toString(16).padStart(16, "0");
  const all = mask(2 ** navigator.hardwareConcurrency - 1);

  withTwo("are all of the cgroup's, though the runtime was confined to one (runc#3923)", async () => {
    await using container = new Container();
    copyFileSync(PROBE, join(container.bundle.rootfs, "probe"));
    container.configure("", withProcess({ args: ["/probe", "process", "sleep:1000000"] }));
    const confined = (...words: string[]): Promise<number> =>
      Bun.spawn(["taskset", "-c", "1", ...container.words(...words)], {
        cwd: container.bundle.path,
        stdio: ["ignore", Bun.file(join(container.bundle.path, words[0] ?? "")), "inherit"],
      }).exited;
    expect(await confined("run", "-d", container.id)).toBe(0);
    expect(await confined("exec", container.id, "/probe", "process")).toBe(0);
    const answer = async (name: string): Promise<Record<string, unknown>> => {
      const file = Bun.file(join(container.bundle.path, name));
      while (!(await file.text()).includes("\n")) await Bun.sleep(10);
      return file.json();
    };
    expect(await answer("run")).toMatchObject({ cpus: all });
    expect(await answer("exec")).toMatchObject({ cpus: all });
  });

  withTwo.each([
    { says: "final", affinity: { initial: "0", final: "1" }, want: [mask(2)] },
    // What is left of the initial ones is the kernel's to say: before Linux 6.2 a cgroup of its own takes them away.
    {
      says: "without a final",
      affinity: { initial: "1" },
      want: [mask(2), all],
    },
    { says: "only a final", affinity: { final: "0" }, want: [mask(1)] },
    { says: "empty lists", affinity: { initial: "", final: "" }, want: [all] },
  ])("execCPUAffinity: $says; PID 1 has nothing of it", async ({ affinity, want }) => {
    await using container = await waiting(withProcess({ execCPUAffinity: affinity }));
    const [first, own] = await answers(container);
    expect(first).toMatchObject({ cpus: all });
    expect(want).toContain(String(own?.["cpus"]));
  });

  withTwo("a CPU that the machine has not is refused by the field", async () => {
    await using container = await waiting((config) => config);
    const own = { user: { uid: 0, gid: 0 }, cwd: "/", args: ["/probe", "process"] };
    for (const name of ["initial", "final"]) {
      const file = join(container.bundle.path, "process.json");
      writeFileSync(file, JSON.stringify({ ...own, execCPUAffinity: { [name]: "4095" } }));
      const { status, stderr } = await container.call(["exec", "-p", file, container.id]);
      expect(status).toBe(255);
      expect(stderr).toContain(`process.execCPUAffinity.${name}`);
    }
  });
});
