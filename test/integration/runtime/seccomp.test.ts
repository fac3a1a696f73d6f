/**
 * Seccomp in real containers: each action as the kernel carries it out, flags, and a listener that an agent answers.
 * Source: runtime-spec config-linux.md, Seccomp.
 */
import { describe, expect } from "bun:test";
import { copyFileSync, existsSync, readdirSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { conventionsOf, numbersOf } from "../../../src/runtime/seccomp/architectures.ts";
import type { Seccomp, SeccompRule } from "../../../src/spec/index.ts";
import { architecture } from "../../../src/sys/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import { type Change, changes, withLinux, withProcess } from "../support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";
import { SeccompAgent } from "../support/seccomp-agent.ts";

const test = needs(root, program("busybox"));
const withRunc = needs(root, program("busybox"), program("runc"));
/** runc 1.1 takes no flags. */
const ours = TESTED.name === "runc" ? test.skip : test;
const PROBE = join(import.meta.dir, "../../../native/out/probe.elf");
const ARCHITECTURES =
  process.arch === "arm64"
    ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

function withSeccomp(syscalls: SeccompRule[], more: Partial<Seccomp> = {}): Change {
  const seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ARCHITECTURES,
    syscalls,
    ...more,
  } as const;
  return withLinux({ seccomp });
}

const CLONE3 = 435;
const MKDIR = ["mkdir", "mkdirat"];
const { ENOSPC, EXDEV } = constants.errno;
/** The numbers of mkdirat, of getppid, and of sched_get_priority_max, which no runtime calls. */
const [MKDIRAT, GETPPID, PRIORITY_MAX] = process.arch === "arm64" ? [34, 173, 125] : [258, 110, 146];

/** The numbers that the agents of these tests know by name. */
const isMkdir = (call: number): boolean => call === MKDIRAT || (process.arch !== "arm64" && call === 83);

describe(`a listener of ${TESTED.name}`, () => {
  const socketOf = (container: Container): string => join(container.bundle.path, "agent.sock");
  const notifies = (container: Container, names: string[], more: Partial<Seccomp> = {}): Change =>
    withSeccomp([{ names, action: "SCMP_ACT_NOTIFY" }], {
      listenerPath: socketOf(container),
      listenerMetadata: "for the agent",
      ...more,
    });

  test.each([true, false])(
    "an agent answers for PID 1 and for an exec'd process, noNewPrivileges %p",
    async (noNewPrivileges) => {
      await using container = new Container();
      await using agent = new SeccompAgent(socketOf(container), (call) =>
        isMkdir(call) ? { errno: ENOSPC } : "continue",
      );
      const script = "mkdir /tmp/no 2>&1; grep Seccomp: /proc/self/status; exec sleep 1000";
      container.configure(script, changes(withProcess({ noNewPrivileges }), notifies(container, MKDIR)));
      expect(await container.call(["run", "-d", container.id])).toMatchObject({ status: 0 });
      while (!container.outputOf(1).includes("Seccomp")) await Bun.sleep(10);
      const answer = "mkdir: can't create directory '/tmp/no': No space left on device\nSeccomp:\t2\n";
      expect(container.outputOf(1)).toBe(answer);
      const { pid } = await container.state();
      const state = { id: container.id, status: "creating", pid, bundle: container.bundle.path };
      const told = { fds: ["seccompFd"], pid, metadata: "for the agent", state };
      expect(agent.states).toMatchObject([told]);

      const exec = [
        "exec",
        container.id,
        "/bin/sh",
        "-c",
        "mkdir /tmp/no 2>&1; grep Seccomp: /proc/self/status",
      ];
      expect((await container.call(exec)).stdout).toBe(answer);
      expect(agent.states).toMatchObject([
        told,
        { fds: ["seccompFd"], state: { ...state, status: "running" } },
      ]);
      const [, second] = agent.states as { pid: number }[];
      expect(second?.pid).not.toBe(pid);
      expect(agent.descriptors).toEqual([1, 1]);
    },
  );

  test("an agent that looks at what a runtime needs itself only has to let it through", async () => {
    await using container = new Container();
    await using agent = new SeccompAgent(socketOf(container), () => "continue");
    const names = [
      "close",
      "sendmsg",
      "recvmsg",
      "sendto",
      "connect",
      "bind",
      "setsockopt",
      "execve",
      "openat",
      "chdir",
    ];
    container.configure(
      "echo through",
      changes(withProcess({ noNewPrivileges: false }), notifies(container, names)),
    );
    expect(await container.run()).toEqual({ status: 0, stdout: "through\n", stderr: "" });
    expect(agent.asked.length).toBeGreaterThan(3);
  });

  test("a call may get a result that the agent made up", async () => {
    await using container = new Container();
    copyFileSync(PROBE, join(container.bundle.rootfs, "probe"));
    await using _agent = new SeccompAgent(socketOf(container), () => ({ value: 4711 }));
    container.configure(
      "",
      changes(withProcess({ args: ["/probe", `call:${GETPPID}`] }), notifies(container, ["getppid"])),
    );
    expect(JSON.parse((await container.run()).stdout)).toMatchObject({ result: 4711 });
  });

  test("without an agent create fails, and nothing is left", async () => {
    await using container = new Container();
    container.configure("true", notifies(container, MKDIR));
    const { status, stderr } = await container.call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("failed to connect with seccomp agent specified in the seccomp profile");
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  test("exec without the agent that create had fails, and the container runs on", async () => {
    await using container = new Container();
    {
      await using _agent = new SeccompAgent(socketOf(container), () => "continue");
      container.configure("exec sleep 1000", notifies(container, MKDIR));
      expect((await container.call(["run", "-d", container.id])).status).toBe(0);
    }
    const { status, stderr } = await container.call(["exec", container.id, "true"]);
    expect(status).toBe(255);
    expect(stderr).toContain("failed to connect with seccomp agent");
    expect((await container.state()).status).toBe("running");
  });

  test("a path that no rule needs is not looked at", async () => {
    await using container = new Container();
    container.configure("echo ran", withSeccomp([], { listenerPath: "/no/such/agent" }));
    expect(await container.run()).toEqual({ status: 0, stdout: "ran\n", stderr: "" });
  });

  test.each([
    {
      says: "write",
      seccomp: { syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] },
      words: "write",
    },
    { says: "everything else", seccomp: { defaultAction: "SCMP_ACT_NOTIFY" }, words: "NOTIFY" },
  ] as const)("$says may not be left to the agent", async ({ seccomp, words }) => {
    await using container = new Container();
    container.configure(
      "true",
      withSeccomp([], { listenerPath: socketOf(container), ...seccomp } as Partial<Seccomp>),
    );
    const { status, stderr } = await container.call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain(words);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  withRunc("the agent is told what runc tells it", async () => {
    const told = async (runtime: Runtime): Promise<{ states: string; stdout: string }> => {
      await using container = new Container(runtime);
      await using agent = new SeccompAgent(socketOf(container), (call) =>
        isMkdir(call) ? { errno: EXDEV } : "continue",
      );
      container.configure("mkdir /tmp/no 2>&1", notifies(container, MKDIR));
      const { stdout } = await container.run();
      const states = JSON.stringify(agent.states)
        .replaceAll(container.id, "ID")
        .replaceAll(container.bundle.path, "BUNDLE")
        .replaceAll(/"pid":\d+/g, '"pid":N')
        .replaceAll(/"ociVersion":"[^"]*"/g, '"ociVersion":"V"');
      return { states, stdout };
    };
    const wanted = await told(RUNC);
    expect(wanted.states).toContain("seccompFd");
    expect(await told(TESTED)).toEqual(wanted);
  });
});

describe(`the filter of a container of ${TESTED.name}`, () => {
  /** What the probe is answered when it calls, and how it ends. */
  async function ask(
    runtime: Runtime,
    rule: SeccompRule,
    more: Partial<Seccomp>,
    noNewPrivileges: boolean,
  ): Promise<unknown> {
    await using container = new Container(runtime);
    copyFileSync(PROBE, join(container.bundle.rootfs, "probe"));
    const args = ["/probe", `call:${PRIORITY_MAX},5,4294967298`, "seccomp"];
    container.configure("", changes(withProcess({ args, noNewPrivileges }), withSeccomp([rule], more)));
    const { status, stdout } = await container.run();
    return { status, answers: stdout.trim().split("\n") };
  }

  const names = ["sched_get_priority_max"];
  const cases: readonly { says: string; rule: SeccompRule; more?: Partial<Seccomp> }[] = [
    { says: "ERRNO", rule: { names, action: "SCMP_ACT_ERRNO", errnoRet: EXDEV } },
    { says: "ERRNO without a number", rule: { names, action: "SCMP_ACT_ERRNO" } },
    { says: "KILL", rule: { names, action: "SCMP_ACT_KILL" } },
    { says: "KILL_PROCESS", rule: { names, action: "SCMP_ACT_KILL_PROCESS" } },
    { says: "KILL_THREAD", rule: { names, action: "SCMP_ACT_KILL_THREAD" } },
    { says: "TRAP", rule: { names, action: "SCMP_ACT_TRAP" } },
    { says: "TRACE, and nobody traces", rule: { names, action: "SCMP_ACT_TRACE" } },
    { says: "LOG", rule: { names, action: "SCMP_ACT_LOG" } },
    { says: "no flags", rule: { names, action: "SCMP_ACT_ERRNO" }, more: { flags: [] } },
    ...(
      [
        ["EQ", 5],
        ["NE", 5],
        ["GT", 4],
        ["GE", 5],
        ["LT", 5],
        ["LE", 5],
      ] as const
    ).map(([word, value]) => ({
      says: `the operator ${word}`,
      rule: {
        names,
        action: "SCMP_ACT_ERRNO" as const,
        errnoRet: EXDEV,
        args: [{ index: 0, value, op: `SCMP_CMP_${word}` as const }],
      },
    })),
    {
      says: "the operator MASKED_EQ, in the upper half",
      rule: {
        names,
        action: "SCMP_ACT_ERRNO",
        errnoRet: EXDEV,
        args: [{ index: 1, value: 0x1_0000_0000, valueTwo: 0x1_0000_0000, op: "SCMP_CMP_MASKED_EQ" }],
      },
    },
  ];

  withRunc.each(cases.flatMap((item) => [true, false].map((nnp) => ({ ...item, nnp }))))(
    "$says, noNewPrivileges $nnp: as runc's",
    async ({ rule, more = {}, nnp }) => {
      const wanted = await ask(RUNC, rule, more, nnp);
      expect(await ask(TESTED, rule, more, nnp)).toEqual(wanted);
    },
  );

  withRunc("a call that is newer than the profile is unknown (ENOSYS), others are refused", async () => {
    const answer = async (runtime: Runtime): Promise<string> => {
      await using container = new Container(runtime);
      copyFileSync(PROBE, join(container.bundle.rootfs, "probe"));
      const args = ["/probe", "call:9999", "call:462", `call:${PRIORITY_MAX}`];
      // Everything up to clone3: both runtimes need a lot of it themselves.
      const [convention] = conventionsOf(architecture);
      const known = Object.entries(numbersOf(convention)).filter(([, number]) => number <= CLONE3);
      const allowed = known.map(([name]) => name).filter((name) => name !== "sched_get_priority_max");
      const rules: SeccompRule[] = [{ names: allowed, action: "SCMP_ACT_ALLOW" }];
      container.configure(
        "",
        changes(withProcess({ args }), withSeccomp(rules, { defaultAction: "SCMP_ACT_ERRNO" })),
      );
      return (await container.run()).stdout;
    };
    const wanted = await answer(RUNC);
    expect(wanted).toContain('"errno":38');
    expect(wanted).toContain('"errno":1}');
    expect(await answer(TESTED)).toBe(wanted);
  });

  ours.each([
    [["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"]],
    [undefined],
  ])("flags %j", async (flags) => {
    const rule: SeccompRule = { names, action: "SCMP_ACT_ERRNO", errnoRet: EXDEV };
    const answer = await ask(TESTED, rule, flags === undefined ? {} : { flags }, true);
    expect(JSON.stringify(answer)).toContain(`\\"errno\\":${EXDEV}`);
  });

  ours.each([true, false])(
    "holds for startContainer hooks, too, which are the image's programs: noNewPrivileges %j",
    async (noNewPrivileges) => {
      await using container = new Container();
      const hook = { path: "/bin/mkdir", args: ["mkdir", "/tmp/made"] };
      const rule: SeccompRule = { names: MKDIR, action: "SCMP_ACT_KILL_PROCESS" };
      container.configure(
        "true",
        changes(withProcess({ noNewPrivileges }), withSeccomp([rule]), (config) => ({
          ...config,
          hooks: { startContainer: [{ path: "/bin/true" }, hook] },
        })),
      );
      const { status, stderr } = await container.run();
      expect(status).toBe(1);
      expect(stderr).toContain("error running startContainer hook #1: signal: bad system call");
      expect(existsSync(join(container.bundle.rootfs, "tmp/made"))).toBe(false);
    },
  );

  ours("a flag that needs a listener is refused without one", async () => {
    await using container = new Container();
    container.configure("true", withSeccomp([], { flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }));
    const { status, stderr } = await container.run();
    expect(status).toBe(1);
    expect(stderr).toContain("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
  });
});
