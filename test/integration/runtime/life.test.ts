/** A container's life by runc's command line: create, start, state, kill, delete, exec, and what each leaves behind. */
import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../../support/needs.ts";
import { baseConfig, withProcess } from "../support/bundle.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { Container, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"));

describe(`the life of a container of ${TESTED.name}`, () => {
  test("create waits at the gate, start lets go, the exit is seen, delete removes it", async () => {
    await using container = new Container();
    container.configure("echo started >/tmp/mark; exec sleep 1000");
    expect(await container.call(["create", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
    const created = await container.state();
    expect(created).toMatchObject({ id: container.id, status: "created", bundle: container.bundle.path });
    expect(existsSync(`/proc/${created.pid}`)).toBe(true);
    expect(existsSync(join(container.bundle.rootfs, "tmp/mark"))).toBe(false);

    expect(await container.call(["start", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await container.state()).toMatchObject({ status: "running", pid: created.pid });
    expect((await container.call(["delete", container.id])).status).toBe(1);

    expect((await container.call(["kill", container.id, "KILL"])).status).toBe(0);
    await container.waitFor("stopped");
    expect(await container.call(["delete", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
    expect((await container.call(["state", container.id])).status).toBe(1);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  test("streams that are the host's null device become the container's own, whose mode is nobody else's", async () => {
    await using container = new Container();
    // The same device by another inode: what is done to this one is not done to the host's.
    const script = "stat -L -c '%d %i' /dev/null /proc/self/fd/0; echo x >/proc/self/fd/0; cat";
    const { status, stdout } = await container.configure(script).run();
    const [own, stdin, ...rest] = stdout.split("\n");
    expect([status, stdin, rest]).toEqual([0, own, [""]]);
  });

  test("the output of a created container goes where create's went", async () => {
    await using container = new Container();
    container.configure("echo to stdout; echo to stderr >&2");
    await container.call(["create", container.id]);
    await container.call(["start", container.id]);
    await container.waitFor("stopped");
    expect(container.outputOf(1)).toBe("to stdout\n");
  });

  test("a container that is killed at the gate is stopped, and start says so", async () => {
    await using container = new Container();
    await container.configure("true").call(["create", container.id]);
    const { pid } = await container.state();
    process.kill(pid, "SIGKILL");
    await container.waitFor("stopped");
    const start = await container.call(["start", container.id]);
    expect(start.status).toBe(1);
    expect(start.stderr).not.toBe("");
  });

  test("kill by the signals that end programs ends a container at the gate, as runc's", async () => {
    await using container = new Container();
    await container.configure("true").call(["create", container.id]);
    expect((await container.call(["kill", container.id, "USR1"])).status).toBe(0);
    expect((await container.state()).status).toBe("created");
    expect((await container.call(["kill", container.id])).status).toBe(0);
    await container.waitFor("stopped");
  });

  test("delete --force removes a container at the gate and a running one", async () => {
    await using created = new Container();
    await created.configure("true").call(["create", created.id]);
    expect((await created.call(["delete", "--force", created.id])).status).toBe(0);
    await using running = new Container();
    await running.configure("exec sleep 1000").call(["run", "-d", running.id]);
    expect((await running.call(["delete", "--force", running.id])).status).toBe(0);
    expect((await running.call(["delete", "--force", running.id])).status).toBe(0);
  });

  test.each([
    { signal: "TERM", number: 15 },
    { signal: "SIGUSR1", number: 10 },
    { signal: "12", number: 12 },
  ])("kill sends $signal", async ({ signal, number }) => {
    await using container = new Container();
    container.configure(
      `trap 'echo got $((0+${number})); exit 0' ${number}; echo ready; while :; do sleep 0.05; done`,
    );
    await container.call(["run", "-d", container.id]);
    while (!container.outputOf(1).includes("ready")) await Bun.sleep(20);
    expect((await container.call(["kill", container.id, signal])).status).toBe(0);
    await container.waitFor("stopped");
    expect(container.outputOf(1)).toContain(`got ${number}`);
  });

  test("run -d returns and writes the pid file; the program is a child of nobody here", async () => {
    await using container = new Container();
    const pidFile = join(container.bundle.path, "pid");
    container.configure("exec sleep 1000");
    expect((await container.call(["run", "--detach", "--pid-file", pidFile, container.id])).status).toBe(0);
    const pid = Number(readFileSync(pidFile, "utf8"));
    expect(await container.state()).toMatchObject({ status: "running", pid });
    expect(readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("sleep\n");
  });

  test("exec runs a second process in the container, and its status comes back", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const words = ["exec", "--user", "1000:1000", "--cwd", "/tmp", "--env", "X=y", container.id];
    const script = "hostname; id -u; id -g; pwd; echo $X; exit 5";
    const result = await container.call([...words, "/bin/sh", "-c", script]);
    expect(result.stdout).toBe("box\n1000\n1000\n/tmp\ny\n");
    expect(result.status).toBe(5);
  });

  test("exec joins the container's cgroups and namespaces", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const script =
      "for n in pid net mnt uts ipc; do readlink /proc/self/ns/$n; readlink /proc/1/ns/$n; done | uniq | wc -l; diff /proc/1/cgroup /proc/self/cgroup && echo same";
    expect((await container.call(["exec", container.id, "/bin/sh", "-c", script])).stdout).toBe("5\nsame\n");
  });

  test("exec with a missing program fails and leaves the container running", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const result = await container.call(["exec", container.id, "/no/such"]);
    expect(result.status).not.toBe(0);
    expect(result.stderr).toContain("/no/such");
    expect((await container.state()).status).toBe("running");
  });

  test("list shows the container as text, as JSON and by its ID", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    expect((await container.call(["list", "-q"])).stdout).toBe(`${container.id}\n`);
    const [entry] = JSON.parse((await container.call(["list", "-f", "json"])).stdout);
    expect(entry).toMatchObject({ id: container.id, status: "running", bundle: container.bundle.path });
    const { stdout } = await container.call(["list"]);
    expect(stdout.split("\n")[0]).toMatch(/^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/);
    expect(stdout).toMatch(new RegExp(`^${container.id} +\\d+ +running +${container.bundle.path} `, "m"));
  });
});

describe(`a bundle that ${TESTED.name} refuses`, () => {
  const cases = [
    { says: "no config.json", config: undefined, names: "config.json" },
    { says: "invalid JSON", config: "{", names: "" },
    {
      says: "a wrong type",
      config: JSON.stringify({ ...baseConfig("true"), hostname: 7 }),
      names: "hostname",
    },
    {
      says: "a missing program",
      config: JSON.stringify(withProcess({ args: ["/no/such/program"] })(baseConfig(""))),
      names: "/no/such/program",
    },
    {
      says: "a program that cannot be executed",
      config: JSON.stringify(withProcess({ args: ["/etc/passwd"] })(baseConfig(""))),
      names: "/etc/passwd",
    },
    {
      says: "a missing root file system",
      config: JSON.stringify({ ...baseConfig("true"), root: { path: "nowhere" } }),
      names: "nowhere",
    },
    {
      says: "a mount source that is missing",
      config: JSON.stringify({
        ...baseConfig("true"),
        mounts: [{ destination: "/x", type: "bind", source: "/no/such/source", options: ["bind"] }],
      }),
      names: "/no/such/source",
    },
  ];
  test.each(cases)("$says: an error that names it, and nothing left behind", async ({ config, names }) => {
    await using container = new Container();
    if (config !== undefined) writeFileSync(join(container.bundle.path, "config.json"), config);
    for (const verb of ["run", "create"]) {
      const result = await container.call([verb, container.id]);
      expect(result.status).toBe(1);
      expect(result.stderr).toContain(names);
      expect(result.stdout).toBe("");
      expect(readdirSync(container.stateFolder)).toEqual([]);
    }
  });

  test("a second container of the same ID", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const second = await container.call(["create", container.id]);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain("already exists");
    expect((await container.state()).status).toBe("running");
  });

  test.each(["../escape", "a/b", ".", "", "a b"])("the ID %j", async (id) => {
    await using container = new Container();
    const result = await container.configure("true").call(["create", id]);
    expect(result.status).toBe(1);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });
});

describe("a step that fails when the container is there already", () => {
  const isOurs = TESTED.name === "teu";
  const steps = [
    {
      says: "a pid file in no folder",
      flags: ["--pid-file", "/no/such/folder/pid"],
      names: "/no/such/folder",
    },
    { says: "a pid file where a folder is", flags: ["--pid-file", "etc"], names: "etc" },
    // runc 1.1 does not know the flag.
    ...(isOurs
      ? [
          {
            says: "nobody at the pidfd socket",
            flags: ["--pidfd-socket", "/no/such.sock"],
            names: "no/such.sock",
          },
        ]
      : []),
  ];
  /** Where `etc` is a folder that holds something, so that no file takes its place. */
  function prepared(): Container {
    const container = new Container();
    mkdirSync(join(container.bundle.path, "etc/in"), { recursive: true });
    return container.configure("exec sleep 1000");
  }
  const besides = (container: Container): string[] =>
    readdirSync(container.bundle.path).filter((name) => name.startsWith("."));

  const cases = [["create"], ["run", "-d"], ["run"]].flatMap((verb) =>
    steps.map((step) => ({ verb, ...step })),
  );
  test.each(cases)("$verb with $says takes the container along", async ({ verb, flags, names }) => {
    await using container = prepared();
    const result = await container.call([...verb, ...flags, container.id]);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(names);
    expect(readdirSync(container.stateFolder)).toEqual([]);
    expect(findLeftovers([container.id])).toEqual([]);
    if (isOurs) expect(besides(container)).toEqual([]);
  });

  test.each(steps)("exec with $says ends its process, and no other", async ({ flags, names }) => {
    await using container = prepared();
    await container.call(["run", "-d", container.id]);
    const words = ["exec", "-d", ...flags, container.id, "/bin/sh", "-c", "exec sleep 2000"];
    const result = await container.call(words);
    expect(result.status).toBe(255);
    expect(result.stderr).toContain(names);
    const listed = await container.call(["exec", container.id, "ps"]);
    expect(listed.stdout).not.toContain("sleep 2000");
    expect((await container.state()).status).toBe("running");
    if (isOurs) expect(besides(container)).toEqual([]);
  });
});
