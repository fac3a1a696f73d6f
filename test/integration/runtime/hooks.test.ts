/**
 * Hooks: the moment, the namespaces, the arguments and the environment of each kind; what a failure does; and that nothing
 * of a hook holds the runtime up. Source: runtime-spec config.md, POSIX-platform hooks; runtime.md, Lifecycle.
 */
import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Hook, type HookName, hookNames } from "../../../src/spec/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import { type Change, changes, withProcess, withResources, withUserNamespace } from "../support/bundle.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"));
/** runc 1.1 runs poststart before the program and keeps a failed startContainer to itself. */
const ours = TESTED.name === "runc" ? test.skip : test;

function withHooks(hooks: Partial<Record<HookName, readonly Hook[]>>): Change {
  return (config) => ({ ...config, hooks: { ...config.hooks, ...hooks } });
}

/** A hook that is a script. */
function script(text: string, more: Partial<Hook> = {}): Hook {
  return { path: "/bin/sh", args: ["sh", "-c", text], ...more };
}

/** What a hook says of itself, into a file that is the same inside and outside. */
function told(container: Container, name: HookName, what: string): string {
  const file = name === "startContainer" ? "/tmp/told" : join(container.bundle.rootfs, "tmp/told");
  // In one piece: the program and a hook of the runtime write at the same time.
  return `text=$(${what}); printf '%s: %s\\n' ${name} "$text" >>${file}`;
}

function readTold(container: Container): string {
  const path = join(container.bundle.rootfs, "tmp/told");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

const STATE = `cat | tr -d ' \\n'; echo`;

/** All kinds, each telling the same of itself. */
function tellers(container: Container, what: string): Change {
  return withHooks(
    Object.fromEntries(hookNames.map((name) => [name, [script(told(container, name, what))]])),
  );
}

describe(`hooks of a container of ${TESTED.name}`, () => {
  ours("all six kinds run at their moments, with the state of that moment", async () => {
    await using container = new Container();
    container.configure(
      "echo program: $(cat /proc/1/comm) >>/tmp/told; exec sleep 1000",
      tellers(container, STATE),
    );
    const { id, bundle } = container;
    expect((await container.call(["create", id])).status).toBe(0);
    const { pid } = await container.state();
    const parsed = (): unknown[] =>
      readTold(container)
        .trim()
        .split("\n")
        .map((line) => {
          const [name = "", rest = ""] = [
            line.slice(0, line.indexOf(": ")),
            line.slice(line.indexOf(": ") + 2),
          ];
          return [name, name === "program" ? rest : JSON.parse(rest)];
        });
    const wanted = (status: string, shown?: number): unknown => ({
      ociVersion: "1.3.0",
      id,
      status,
      ...(shown !== undefined && { pid: shown }),
      bundle: bundle.path,
    });
    const created = [
      ["prestart", wanted("creating", pid)],
      ["createRuntime", wanted("creating", pid)],
      ["createContainer", wanted("creating", 1)],
    ];
    expect(parsed()).toEqual(created);
    expect((await container.call(["start", id])).status).toBe(0);
    const isThere = (): boolean => readTold(container).includes("program");
    while (!isThere()) await Bun.sleep(20);
    const started = parsed();
    expect(started[3]).toEqual(["startContainer", wanted("created", 1)]);
    // The program and the hook of the runtime run at the same time.
    expect(started.slice(4)).toContainEqual(["program", "sh"]);
    expect(started.slice(4)).toContainEqual(["poststart", wanted("running", pid)]);
    expect((await container.call(["delete", "--force", id])).status).toBe(0);
    expect(parsed().at(-1)).toEqual(["poststop", wanted("stopped")]);
    expect(parsed()).toHaveLength(7);
  });

  ours("nothing of the caller's or the container's environment reaches a hook of the runtime", async () => {
    await using container = new Container();
    container.configure(
      "sleep 1000",
      changes(
        withProcess({ env: ["PATH=/bin", "LD_PRELOAD=/evil.so", "OF=container"] }),
        withHooks(
          Object.fromEntries(
            hookNames.map((name) => [
              name,
              [
                script(told(container, name, "tr '\\0' ' ' </proc/self/environ; echo")),
                script(told(container, name, "tr '\\0' ' ' </proc/self/environ; echo"), {
                  env: ["GIVEN=to the hook", "PATH=/bin:/usr/bin"],
                }),
              ],
            ]),
          ),
        ),
      ),
    );
    for (const words of [["create"], ["start"], ["delete", "--force"]])
      expect(
        (await container.call([...words, container.id], { env: { SECRET: "of the caller" } })).status,
      ).toBe(0);
    const own = { startContainer: "PATH=/bin LD_PRELOAD=/evil.so OF=container HOME=/root " };
    const lines = hookNames.flatMap((name) => [
      `${name}: ${name === "startContainer" ? own.startContainer : ""}`,
      `${name}: GIVEN=to the hook PATH=/bin:/usr/bin `,
    ]);
    expect(readTold(container).split("\n").slice(0, -1)).toEqual(lines);
  });

  test("arguments arrive as they are given; without any the path is the first", async () => {
    await using container = new Container();
    const what = "tr '\\0' '|' </proc/self/cmdline; echo";
    const hook = (name: HookName): Hook => ({
      path: "/bin/sh",
      args: ["other name", "-c", told(container, name, what), "zero", "", "two words"],
    });
    container.configure(
      "true",
      withHooks({ prestart: [hook("prestart")], createContainer: [hook("createContainer")] }),
    );
    await container.run();
    expect(readTold(container)).toMatch(/^prestart: other name\|-c\|.*\|zero\|\|two words\|$/m);
    expect(readTold(container)).toMatch(/^createContainer: other name\|-c\|.*\|zero\|\|two words\|$/m);
  });

  test("createRuntime sees the mounts made and the limits set; createContainer is in the container's namespaces", async () => {
    await using container = new Container();
    const pid = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/')`;
    const limits = `cut -d: -f3 /proc/$pid/cgroup | while read c; do cat /sys/fs/cgroup/pids$c/pids.max /sys/fs/cgroup$c/pids.max 2>/dev/null; done | sort -u`;
    container.configure(
      "true",
      changes(
        withResources({ pids: { limit: 77 } }),
        withHooks({
          createRuntime: [
            script(
              told(
                container,
                "createRuntime",
                `${pid}; ${limits}; grep -c ' ${container.bundle.rootfs}/dev/pts ' /proc/$pid/mountinfo; readlink /proc/self/ns/mnt`,
              ),
            ),
          ],
          createContainer: [
            script(
              told(
                container,
                "createContainer",
                "pwd; ls dev/null proc/self/comm; [ /proc/self/ns/net -ef /proc/1/ns/net ] && echo joined; readlink /proc/self/ns/uts",
              ),
              { env: ["PATH=/bin:/usr/bin"] },
            ),
          ],
        }),
      ),
    );
    expect((await container.run()).status).toBe(0);
    const lines = readTold(container).split("\n");
    const here = (name: string): string =>
      Bun.spawnSync(["readlink", `/proc/self/ns/${name}`])
        .stdout.toString()
        .trim();
    expect(lines.slice(0, 3)).toEqual(["createRuntime: 77", "1", here("mnt")]);
    expect(lines.slice(3, 6)).toEqual([
      `createContainer: ${container.bundle.rootfs}`,
      "dev/null",
      "proc/self/comm",
    ]);
    expect(lines.at(-2)).not.toBe(here("uts"));
  });

  // runc waits for everybody who holds the streams.
  ours("a hook that reads nothing, prints a lot and leaves a daemon behind holds nobody up", async () => {
    await using container = new Container();
    // A state that no pipe takes at once.
    const annotations = { "org.example.large": "x".repeat(200_000) };
    const noisy = (name: HookName): Hook =>
      script(
        `dd if=/dev/zero bs=1000 count=200; dd if=/dev/zero bs=1000 count=200 >&2; sleep 3 & ${told(container, name, "echo ran")}`,
        { env: ["PATH=/bin:/usr/bin"] },
      );
    container.configure("true", (config) => ({
      ...withHooks({ createRuntime: [noisy("createRuntime")], createContainer: [noisy("createContainer")] })(
        config,
      ),
      annotations,
    }));
    const { status, stdout, stderr } = await container.run();
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(readTold(container)).toBe("createRuntime: ran\ncreateContainer: ran\n");
  });

  test("a large state is read whole, in the runtime's namespaces and in the container's", async () => {
    await using container = new Container();
    const count = (name: HookName): Hook =>
      script(told(container, name, "cat | wc -c"), { env: ["PATH=/bin:/usr/bin"] });
    container.configure("true", (config) => ({
      ...withHooks({
        createRuntime: [count("createRuntime")],
        createContainer: [count("createContainer")],
        startContainer: [count("startContainer")],
      })(config),
      annotations: { "org.example.large": "x".repeat(150_000) },
    }));
    expect((await container.run()).status).toBe(0);
    for (const line of readTold(container).trim().split("\n"))
      expect(Number(line.split(": ")[1])).toBeGreaterThan(150_000);
    expect(readTold(container).trim().split("\n")).toHaveLength(3);
  });

  test("in a user namespace too", async () => {
    await using container = new Container();
    const what = "id -u";
    container.configure(
      "true",
      changes(
        withUserNamespace(100_000),
        withHooks({
          createRuntime: [script(told(container, "createRuntime", what))],
          createContainer: [script(`chmod 0777 . 2>/dev/null; id -u`, { env: ["PATH=/bin:/usr/bin"] })],
          startContainer: [script("[ $(id -u) = 0 ]")],
        }),
      ),
    );
    expect((await container.run()).status).toBe(0);
    expect(readTold(container)).toBe("createRuntime: 0\n");
  });

  ours("a hook of the container has three streams and nothing else open", async () => {
    await using container = new Container();
    const open = "ls /proc/self/fd | tr '\\n' ' '; echo";
    container.configure(
      "true",
      withHooks({
        createContainer: [script(told(container, "createContainer", open), { env: ["PATH=/bin:/usr/bin"] })],
        startContainer: [script(told(container, "startContainer", open))],
      }),
    );
    await container.run();
    expect(readTold(container)).toBe("createContainer: 0 1 2 3 \nstartContainer: 0 1 2 3 \n");
  });
});

const FAILURES: readonly { says: string; hook: Hook; words: string }[] = [
  {
    says: "a status other than 0",
    hook: script("echo to stdout; echo to stderr >&2; exit 3"),
    words: "exit status 3, stdout: to stdout\n, stderr: to stderr\n",
  },
  { says: "death by a signal", hook: script("kill -9 $$"), words: "signal: killed, stdout: , stderr: " },
  {
    says: "a missing program",
    hook: { path: "/no/such/hook" },
    words: "fork/exec /no/such/hook: no such file or directory",
  },
  {
    says: "too much time",
    hook: script("exec sleep 100", { timeout: 1, env: ["PATH=/bin:/usr/bin"] }),
    words: "hook ran past specified timeout of 1.0s",
  },
];
const CREATE_KINDS: readonly HookName[] = ["prestart", "createRuntime", "createContainer"];
const START_KINDS: readonly HookName[] = ["startContainer", "poststart"];

/** The error, as runc and we say it; runc 1.1 does not name the kind. */
function sentence(name: HookName, index: number, words: string): RegExp {
  const escaped = words.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("\n", "(\n|\\\\n)");
  return new RegExp(`error running (${name} )?hook #${index}: (error running hook: )?${escaped}`);
}

describe(`a hook of ${TESTED.name} that fails`, () => {
  test.each(CREATE_KINDS.flatMap((name) => FAILURES.map((failure) => ({ name, ...failure }))))(
    "$name, $says: create fails and nothing is left",
    async ({ name, hook, words }) => {
      await using container = new Container();
      const poststop = told(container, "poststop", "echo ran");
      container.configure(
        "true",
        withHooks({
          [name]: [script(":"), hook, script(told(container, name, "echo later"))],
          poststop: [script(poststop)],
        }),
      );
      const { status, stderr } = await container.call(["create", container.id]);
      expect(status).toBe(1);
      expect(stderr).toMatch(sentence(name, 1, words));
      expect(readdirSync(container.stateFolder)).toEqual([]);
      expect(readTold(container)).toBe("poststop: ran\n");
    },
  );

  ours.each(START_KINDS.flatMap((name) => FAILURES.map((failure) => ({ name, ...failure }))))(
    "$name, $says: start fails and the container is stopped",
    async ({ name, hook, words }) => {
      await using container = new Container();
      container.configure("exec sleep 1000", withHooks({ [name]: [script(":"), hook] }));
      expect((await container.call(["create", container.id])).status).toBe(0);
      const { pid } = await container.state();
      const { status, stderr } = await container.call(["start", container.id]);
      expect(stderr).toMatch(sentence(name, 1, words));
      expect(status).toBe(1);
      await container.waitFor("stopped");
      expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
    },
  );

  ours.each([...FAILURES])(
    "poststop, $says: delete only warns, and the next one runs",
    async ({ hook, words }) => {
      await using container = new Container();
      const next = told(container, "poststop", "echo next");
      container.configure("true", withHooks({ poststop: [hook, script(next)] }));
      const { status, stderr } = await container.run();
      expect(status).toBe(0);
      expect(stderr).toMatch(sentence("poststop", 0, words));
      expect(readTold(container)).toBe("poststop: next\n");
    },
  );

  ours("run tells it as create does", async () => {
    await using container = new Container();
    container.configure("true", withHooks({ createContainer: [{ path: "/no/such/hook" }] }));
    const { status, stderr } = await container.run();
    expect(status).toBe(1);
    expect(stderr).toContain(
      "run failed: unable to start container process: error during container init: error running createContainer hook #0: fork/exec /no/such/hook",
    );
  });
});

describe(`${TESTED.name} killed while a hook of the container runs`, () => {
  ours("takes init and the hook along", async () => {
    await using container = new Container();
    const hook = script("echo waits >tmp/told; exec sleep 1000", { env: ["PATH=/bin:/usr/bin"] });
    container.configure("true", withHooks({ createContainer: [hook] }));
    const create = Bun.spawn(container.words("create", container.id), {
      cwd: container.bundle.path,
      stdio: ["ignore", "ignore", "ignore"],
    });
    while (readTold(container) !== "waits\n") await Bun.sleep(10);
    // All of them but create itself, whose command line has the ID too.
    const left = (): string[] =>
      findLeftovers([container.id]).filter(
        (line) => line.startsWith("process") && !line.startsWith(`process: ${create.pid} `),
      );
    expect(left()).toHaveLength(2);
    create.kill("SIGKILL");
    await create.exited;
    while (left().length > 0) await Bun.sleep(20);
  });
});

describe("hooks of ours and of runc", () => {
  needs(
    root,
    program("runc"),
    program("busybox"),
  )("get the same", async () => {
    const names = ["prestart", "createRuntime", "createContainer", "startContainer"] as const;
    const answer = async (runtime: Runtime): Promise<string> => {
      await using container = new Container(runtime);
      // Not SigIgn: runc passes on what its caller ignores, we give the program the defaults.
      const what = `${STATE}; pwd; umask; id -u; grep -E '^(Sig[BC]|Cap|NoNew|Groups)' /proc/self/status`;
      const env = { env: ["PATH=/bin:/usr/bin", "X=y z"] };
      container.configure(
        "true",
        changes(
          withProcess({ cwd: "/tmp", user: { uid: 1000, gid: 1000, umask: 0o27 } }),
          withHooks({
            prestart: [script("chmod 777 rootfs/tmp; : >rootfs/tmp/told; chmod 666 rootfs/tmp/told", env)],
          }),
        ),
      );
      const config = JSON.parse(readFileSync(join(container.bundle.path, "config.json"), "utf8"));
      const [first] = config.hooks.prestart;
      config.hooks = Object.fromEntries(
        names.map((name) => [name, [script(told(container, name, `${what}; env | grep ^X`), env)]]),
      );
      config.hooks.prestart.unshift(first);
      container.bundle.writeConfig(config);
      expect(await container.run()).toEqual({ status: 0, stdout: "", stderr: "" });
      return readTold(container)
        .replaceAll(/"ociVersion":"[^"]*"|"pid":\d\d+/g, "")
        .replaceAll(container.bundle.path, "BUNDLE")
        .replaceAll(container.id, "ID");
    };
    const wanted = await answer(RUNC);
    expect(wanted).toContain('"status":"created"');
    expect(await answer(TESTED)).toBe(wanted);
  });
});
