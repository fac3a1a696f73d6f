/** Containers that outlive the teu that started them, as their users meet them: run -d, logs, attach, exec, stop, start, wait. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { closeSync, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { openTerminal } from "../../src/sys/index.ts";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;
let image: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await store.done(
    "rm",
    "-f",
    ...(await store.done("ps", "-aq")).split("\n").filter((id) => id !== ""),
    "none",
  );
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** This machine has subnets for some thirty networks, and other tests' stores take one each. */
const ALONE = ["--network", "none"];

/** Starts a script in a container called `name`, without a network unless it is to have ports. */
const start = (name: string, script: string, ...flags: string[]) =>
  store.done(
    "run",
    "-d",
    "--name",
    name,
    ...(flags.includes("-p") ? [] : ALONE),
    ...flags,
    image,
    "sh",
    "-c",
    script,
  );

/** What is told of the container. */
async function told(
  name: string,
): Promise<{ phase: string; exitStatus: number | null; id: string } | undefined> {
  const all = JSON.parse(await store.done("ps", "-a", "--json"));
  return all.find((container: { name: string }) => container.name === name);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await condition()); ) {
    if (Date.now() > end) throw new Error("it did not happen within 30 s");
    await Bun.sleep(10);
  }
}

/** The monitor's pid: the parent of the container's first process. */
async function monitorOf(name: string): Promise<number> {
  const id = (await told(name))?.id ?? "";
  const state = JSON.parse(readFileSync(join(store.folder, "run/runtime/teu", id, "state.json"), "utf8"));
  return Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${state.pid}/status`, "utf8"))?.[1]);
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

/** How many are attached: sockets of the monitor beyond that on which it listens. */
async function clientsOf(name: string): Promise<number> {
  const folder = `/proc/${await monitorOf(name)}/fd`;
  return readdirSync(folder).filter((fd) => readlinkSync(join(folder, fd)).startsWith("socket:")).length - 1;
}

/** Nothing of a container that has ended is there but its record, what it wrote and its log. */
function bundles(): string[] {
  return readdirSync(join(store.folder, "run/containers"));
}

describe("run -d", () => {
  // A server that takes commands there lost its input to the first who sent it one.
  test("with -i keeps the input open for the next, whoever ends theirs", async () => {
    await start("console", "while read line; do echo got $line; done; echo closed", "-i");
    const send = (text: string) =>
      run(["timeout", "-s", "KILL", "1", TEU, "attach", "console"], {
        env: { ...store.env },
        stdin: `${text}\n`,
      });
    await Promise.all([send("one"), send("two")]);
    expect(await told("console")).toMatchObject({ phase: "running" });
    const lines = (await store.done("logs", "console")).split("\n").toSorted();
    expect(lines).toEqual(["", "got one", "got two"]);
    expect(await store.done("inspect", "-f", "{{.Config.OpenStdin}} {{.Config.StdinOnce}}", "console")).toBe(
      "true false\n",
    );
    await store.done("rm", "-f", "console");
  });

  test("prints the ID and leaves a container that logs, ends, and is told of", async () => {
    const id = (await start("talker", "echo out; echo err >&2; read x; exit 3", "-i")).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await told("talker")).toMatchObject({ id, phase: "running", exitStatus: null });
    await until(async () => (await store.done("logs", "talker")) !== "");
    const attached = await Bun.spawn([TEU, "attach", "talker"], {
      env: { ...store.env },
      stdin: new TextEncoder().encode("go\n"),
      stdout: "pipe",
      stderr: "inherit",
    }).exited;
    expect(attached).toBe(3);
    expect(await told("talker")).toMatchObject({ phase: "exited", exitStatus: 3 });
    const logs = await store.teu("logs", "talker");
    expect([logs.stdout, logs.stderr]).toEqual(["out\n", "err\n"]);
    expect(await store.done("wait", "talker")).toBe("3\n");
    expect(bundles()).toEqual([]);
    await store.done("rm", "talker");
    expect(existsSync(join(store.folder, "root/containers", id))).toBe(false);
  });

  test("fails as run does, and leaves nothing", async () => {
    const { status, stderr, stdout } = await store.teu("run", "-d", image, "/nope");
    expect([status, stdout]).toEqual([127, ""]);
    expect(stderr).toStartWith("teu: Cannot start the program: exec: ");
    expect([bundles(), await store.done("ps", "-aq")]).toEqual([[], ""]);
  });

  test("--rm takes everything away when the container has ended, though nobody waits", async () => {
    const id = (await start("brief", "exit 0", "--rm")).trim();
    await until(async () => (await told("brief")) === undefined);
    await until(() => !existsSync(join(store.folder, "root/containers", id)));
    expect(bundles()).toEqual([]);
  });

  test("what the program wrote when it is killed is in the log, to the last byte", async () => {
    await start("bulk", "head -c 3000000 /dev/zero | tr '\\0' x; echo; touch /done; sleep 1000");
    await until(async () => (await store.teu("exec", "bulk", "ls", "/done")).status === 0);
    await store.done("kill", "bulk");
    expect(await store.done("wait", "bulk")).toBe("137\n");
    expect(await store.done("logs", "bulk")).toBe(`${"x".repeat(3_000_000)}\n`);
    await store.done("rm", "bulk");
  });

  test("under another runtime is the same", async () => {
    if (Bun.which("runc") === null) return;
    await start("foreign", "echo hello; sleep 1000", "--runtime", Bun.which("runc") ?? "");
    await until(async () => (await store.done("logs", "foreign")) === "hello\n");
    expect((await store.teu("exec", "foreign", "sh", "-c", "echo in $0; exit 4")).stdout).toBe("in sh\n");
    await store.done("kill", "foreign");
    expect(await store.done("wait", "foreign")).toBe("137\n");
    await store.done("rm", "foreign");
    expect(bundles()).toEqual([]);
  });
});

describe("a container that runs", () => {
  test("is stopped by its signal, or killed when it is deaf", async () => {
    await start("polite", "trap 'exit 5' TERM; while :; do sleep 0.05; done");
    await start("deaf", "trap '' TERM; while :; do sleep 0.05; done");
    await until(async () => (await store.teu("exec", "deaf", "true")).status === 0);
    expect(await store.done("stop", "-t", "20", "polite")).toBe("polite\n");
    expect(await store.done("stop", "-t", "0", "deaf")).toBe("deaf\n");
    expect((await told("polite"))?.exitStatus).toBe(5);
    expect((await told("deaf"))?.exitStatus).toBe(137);
    expect(await store.done("stop", "deaf")).toBe("deaf\n");
    expect((await store.teu("kill", "deaf")).stderr).toMatch(
      /^teu: container [0-9a-f]{64} is not running\n$/,
    );
    await store.done("rm", "polite", "deaf");
  });

  // Real-time signals were none, so that an image of systemd could not be stopped; and what is no signal was found out there only.
  test("is stopped by a real-time signal, or TERM where its image says what is none", async () => {
    const images: [stopSignal: string, flags: string[], status: number][] = [
      ["SIGRTMIN+3", [], 37],
      ["37", [], 37],
      ["37", ["--stop-signal", "RTMAX-1"], 63],
      ["NOPE", [], 15],
    ];
    const script = 'for n in 15 37 63; do trap "exit $n" $n; done; touch /set; while :; do sleep 0.05; done';
    for (const [StopSignal, flags, status] of images) {
      const named = `${registry.address}/test/signal:${StopSignal.replace("+", "-")}`;
      await pushLayers(named, [busyboxLayer()], { config: { StopSignal } });
      await store.done("run", "-d", "--name", "signal", ...ALONE, ...flags, named, "sh", "-c", script);
      await until(async () => (await store.teu("exec", "signal", "ls", "/set")).status === 0);
      await store.done("stop", "-t", "20", "signal");
      expect([StopSignal, (await told("signal"))?.exitStatus]).toEqual([StopSignal, status]);
      await store.done("rm", "signal");
      await store.done("rmi", named);
    }
    const refused = await store.teu("run", "--stop-signal", "NOPE", image, "true");
    expect([refused.status, refused.stderr]).toEqual([125, "teu: invalid signal: NOPE\n"]);
  });

  test("keeps its files over a restart, and its log goes on", async () => {
    await start("again", "cat /kept 2>/dev/null; echo kept > /kept; echo up; sleep 1000");
    await until(async () => (await store.done("logs", "again")) === "up\n");
    await store.done("restart", "-t", "0", "again");
    await until(async () => (await store.done("logs", "again")) === "up\nkept\nup\n");
    expect(await store.done("logs", "-n", "1", "again")).toBe("up\n");
    await store.done("stop", "-t", "0", "again");
    expect(await store.done("start", "again")).toBe("again\n");
    expect((await told("again"))?.phase).toBe("running");
    expect(await store.done("start", "again")).toBe("again\n");
    await store.done("rm", "-f", "again");
    expect(bundles()).toEqual([]);
  });

  // A container that was started once more was shown as up since it was made.
  test("is up since its last start, not since it was made", async () => {
    await start("aged", "sleep 1000");
    const records = new Database(join(store.folder, "root/teu.db"));
    records.run("UPDATE containers SET created_at = created_at - 3600000 WHERE name = 'aged'");
    records.close();
    await store.done("restart", "-t", "0", "aged");
    const shown = await store.done("ps");
    expect(shown).toMatch(/ About an hour ago +Up (Less than a second|\d+ seconds?) .*aged$/m);
    await store.done("kill", "aged");
    await store.done("wait", "aged");
    const ended = await store.done("ps", "-a");
    expect(ended).toMatch(/ Exited \(137\) (Less than a second|\d+ seconds?) ago .*aged$/m);
    await store.done("rm", "aged");
  });

  test("takes one more program, with its user, directory and environment, whose status is exec's", async () => {
    await start("host", "sleep 1000", "-e", "A=1");
    const exec = (...words: string[]) => store.teu("exec", ...words);
    const said = await exec(
      "-u",
      "user",
      "-w",
      "/tmp",
      "-e",
      "B=2",
      "host",
      "sh",
      "-c",
      "id -un; pwd; echo $A$B; exit 9",
    );
    expect(said).toEqual({ status: 9, stdout: "user\n/tmp\n12\n", stderr: "" });
    expect((await exec("host", "nope")).status).toBe(127);
    expect((await exec("host", "/etc/passwd")).status).toBe(126);
    expect((await exec("nobody", "true")).stderr).toBe("teu: No such container: nobody\n");
    await store.done("rm", "-f", "host");
  });

  test("takes no program that has more capabilities than it has itself", async () => {
    // It had docker's usual set, whatever --cap-drop had taken.
    for (const [name, flags, mask] of [
      ["dropped", ["--cap-drop", "ALL"], "0000000000000000"],
      ["added", ["--cap-add", "sys_time"], "00000000aa0425fb"],
    ] as const) {
      await start(name, "sleep 1000", ...flags);
      const said = await store.done("exec", name, "grep", "-E", "Cap(Eff|Prm|Bnd)", "/proc/self/status");
      expect(said).toBe(`CapPrm:\t${mask}\nCapEff:\t${mask}\nCapBnd:\t${mask}\n`);
      await store.done("rm", "-f", name);
    }
  });

  test("is followed to its end", async () => {
    await start("followed", "for i in 1 2 3; do echo $i; sleep 0.1; done");
    expect(await store.done("logs", "-f", "followed")).toBe("1\n2\n3\n");
    expect(await store.done("logs", "-t", "followed")).toMatch(/^(\d{4}-\d\d-\d\dT[\d:.]+Z \d\n){3}$/);
    expect(await store.done("logs", "--since", "1h", "--until", "2000-01-01", "followed")).toBe("");
    await store.done("rm", "followed");
  });

  test("goes on when every teu is killed, and ends with its monitor, of which the next command tells", async () => {
    await start("orphan", "sleep 1000");
    const monitor = await monitorOf("orphan");
    expect(readFileSync(`/proc/${monitor}/comm`, "utf8")).toBe("teu-monitor\n");
    // Nor does it end with a session or a unit that systemd ends: those are the cgroups that it was in with who started it.
    for (const line of readFileSync(`/proc/${monitor}/cgroup`, "utf8").trimEnd().split("\n"))
      if (!/^\d+:[^:]*\bcpuset\b/.test(line)) expect(line).toEndWith("/teu/monitors");
    process.kill(monitor, "SIGKILL");
    await until(async () => (await told("orphan"))?.phase === "exited");
    expect((await told("orphan"))?.exitStatus).toBe(137);
    expect(bundles()).toEqual([]);
    expect(await store.done("start", "orphan")).toBe("orphan\n");
    await store.done("rm", "-f", "orphan");
  });

  test("has a terminal that is joined and left", async () => {
    await start("shell", "read line; echo got $line; read line", "-it");
    const terminal = ["script", "-qec", `${TEU} attach shell`, "/dev/null"];
    const child = Bun.spawn(terminal, {
      env: { ...store.env, PATH: "/usr/bin:/bin" },
      stdin: "pipe",
      stdout: "pipe",
    });
    child.stdin.write("hello\r");
    child.stdin.flush();
    let seen = "";
    const reader = child.stdout.getReader();
    while (!seen.includes("got hello")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`attach ended: ${seen}`);
      seen += new TextDecoder().decode(value);
    }
    child.stdin.write("\u0010\u0011");
    child.stdin.end();
    await child.exited;
    expect((await told("shell"))?.phase).toBe("running");
    await store.done("rm", "-f", "shell");
  });

  // A program that draws all of its screen does so when the size changes: who comes to one of the same size would see nothing.
  test("that draws its screen draws it anew for who comes to it", async () => {
    await start("drawn", "trap 'echo drawn $(stty size)' WINCH; while :; do sleep 0.02; done", "-it");
    for (const _time of ["first", "again"]) {
      const attach = `stty rows 33 cols 101; exec ${TEU} attach drawn`;
      const child = Bun.spawn(["script", "-qec", attach, "/dev/null"], {
        env: { ...store.env, PATH: "/usr/bin:/bin" },
        stdio: ["pipe", "pipe", "ignore"],
      });
      let seen = "";
      const cut = setTimeout(() => child.kill("SIGKILL"), 10_000);
      // Its size is ours when all has been said.
      for await (const bytes of child.stdout) {
        seen += new TextDecoder().decode(bytes);
        if (seen.includes("drawn 33 101")) break;
      }
      child.stdin.write("\u0010\u0011");
      child.stdin.end();
      await child.exited;
      clearTimeout(cut);
      expect(seen).toContain("drawn 33 101");
    }
    await store.done("rm", "-f", "drawn");
  });

  // The monitor was never given the file that counts them.
  test("that needs more memory than it may have tells how often it was killed", async () => {
    const own = [] as string[];
    const runc = Bun.which("runc");
    for (const flags of runc === null ? [own] : [own, ["--runtime", runc]]) {
      const id = (await start("hungry", "tail /dev/zero; exit $?", "-m", "16m", ...flags)).trim();
      expect(await store.done("wait", "hungry")).toBe("137\n");
      const { oomKills } = JSON.parse(
        readFileSync(join(store.folder, "root/containers", id, "exit"), "utf8"),
      );
      expect(oomKills).toBeGreaterThan(0);
      await store.done("rm", "hungry");
    }
  });

  // It was 0: a container of which nobody knows how it ended had succeeded.
  test("has a status of 137 for who is attached when its monitor is killed", async () => {
    for (const flags of [[], ["--rm"]]) {
      await start("watched", "echo up; sleep 1000", ...flags);
      const attached = Bun.spawn([TEU, "attach", "watched"], {
        env: { ...store.env },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
      });
      await until(async () => (await clientsOf("watched")) > 0);
      process.kill(await monitorOf("watched"), "SIGKILL");
      expect([await attached.exited, await attached.stderr.text()]).toEqual([137, ""]);
      if (flags.length === 0) await store.done("rm", "watched");
      else expect(await told("watched")).toBeUndefined();
    }
  });

  // The answer to a size that nobody took was an unhandled rejection: attach ended with its stack.
  test("may end before a terminal that is slow has shown all of it, and been resized", async () => {
    await start("wide", "head -c 1000000 /dev/zero | tr '\\0' x; sleep 1000", "-t");
    const { master, slave } = openTerminal();
    const attached = Bun.spawn([TEU, "attach", "wide"], {
      env: { ...store.env },
      stdin: "ignore",
      stdout: slave,
      stderr: "pipe",
    });
    try {
      await until(async () => (await clientsOf("wide")) > 0);
      // It writes to a terminal that takes no more, while its monitor ends.
      await Bun.sleep(200);
      const monitor = await monitorOf("wide");
      process.kill(monitor, "SIGKILL");
      await until(() => !isAlive(monitor));
      attached.kill("SIGWINCH");
      await Bun.sleep(200);
      closeSync(slave);
      const drained = Bun.spawn(["cat"], { stdin: master, stdout: "ignore", stderr: "ignore" });
      expect([await attached.exited, await attached.stderr.text()]).toEqual([137, ""]);
      await drained.exited;
    } finally {
      closeSync(master);
    }
    await store.done("rm", "wide");
  });

  // Nobody writes, and nobody sends a signal: who looks at a quiet container, or waits for a deaf program, stayed for ever.
  test("goes on when the terminals of those who look at it hang up, and they end", async () => {
    await start("quiet", "sleep 1000");
    await start("shell", "exec sh", "-it");
    const run = ["run", "--rm", "--name", "hung", ...ALONE, "-t", image, "sleep", "1000"];
    const commands = [
      ...[["attach", "quiet"], ["attach", "shell"], ["attach", "--no-stdin", "shell"], run],
      ...[
        ["exec", "quiet", "sleep", "998"],
        ["exec", "-t", "quiet", "sh", "-c", "trap '' HUP; sleep 999"],
      ],
    ].map((words) => {
      const { master, slave } = openTerminal();
      const child = Bun.spawn([TEU, ...words], { env: { ...store.env }, stdio: [slave, slave, slave] });
      closeSync(slave);
      return { child, master };
    });
    const programs = async () => await store.done("top", "quiet", "-eo", "pid,args");
    await until(async () => (await clientsOf("quiet")) === 1 && (await clientsOf("shell")) === 2);
    await until(async () => (await told("hung"))?.phase === "running" && (await clientsOf("hung")) > 0);
    await until(async () => /sleep 998$/m.test(await programs()) && /sleep 999$/m.test(await programs()));
    for (const { master } of commands) closeSync(master);
    const HUNG_UP = 128 + 1;
    expect(await Promise.all(commands.map(({ child }) => child.exited))).toEqual([
      ...[HUNG_UP, HUNG_UP, HUNG_UP, HUNG_UP],
      // The one ends by the signal, the other is killed.
      ...[HUNG_UP, 128 + 9],
    ]);
    for (const name of ["quiet", "shell", "hung"]) expect((await told(name))?.phase).toBe("running");
    await store.done("rm", "-f", "quiet", "shell", "hung");
  });

  // Its monitor was killed by SIGPIPE, and with it the container and its status.
  test("that has closed its input tells its own status, whatever is typed", async () => {
    await start("closed", "exec 0<&-; until [ -e /end ]; do sleep 0.05; done; exit 5", "-i");
    const attached = Bun.spawn([TEU, "attach", "closed"], {
      env: { ...store.env },
      stdin: new TextEncoder().encode("nobody reads this\n"),
      stdout: "ignore",
      stderr: "inherit",
    });
    await until(async () => (await clientsOf("closed")) > 0);
    await Bun.sleep(200); // until it has typed
    await store.teu("exec", "closed", "touch", "/end");
    expect(await attached.exited).toBe(5);
    expect((await told("closed"))?.exitStatus).toBe(5);
    await store.done("rm", "closed");
  });

  test("is removed only by force", async () => {
    await start("busy", "sleep 1000");
    expect((await store.teu("rm", "busy")).stderr).toContain("container is running");
    expect(await store.done("rm", "-f", "busy")).toBe("busy\n");
    expect(bundles()).toEqual([]);
  });
});

describe("--restart", () => {
  const lines = async (name: string) => (await store.done("logs", name)).split("\n").length - 1;

  test("on-failure:2 tries so often, and no more", async () => {
    await start("failing", "echo up; exit 3", "--restart", "on-failure:2");
    await until(async () => (await lines("failing")) === 3 && (await told("failing"))?.phase === "exited");
    expect(await store.done("wait", "failing")).toBe("3\n");
    await Bun.sleep(600); // longer than the next wait would be
    expect(await lines("failing")).toBe(3);
    await store.done("rm", "failing");
  });

  // It was told of as one that has ended for good, and 'ps' alone did not show it.
  test("one that waits for its next try is told of as restarting", async () => {
    await start("waiting", "exit 3", "--restart", "always");
    const status = (...flags: string[]) =>
      store.done("ps", "--format", "{{.State}} {{.Status}}", "--filter", "name=waiting", ...flags);
    const isWaiting = /^restarting Restarting \(3\) (Less than a|\d+) seconds? ago\n$/;
    await until(async () => isWaiting.test(await status()));
    await until(async () => isWaiting.test(await status("--filter", "status=restarting")));
    await store.done("stop", "waiting");
    expect(await status()).toBe("");
    expect(await status("-a")).toStartWith("exited Exited (3)");
    await store.done("rm", "waiting");
  });

  // A stop at the moment at which another teu started it was forgotten with that start, one time in eight.
  test("stays stopped, whatever its policy is at in that moment", async () => {
    const names = Array.from({ length: 16 }, (_, index) => `busy-${index}`);
    await Promise.all(
      names.map(async (name, index) => {
        await start(name, "sleep 0.02; exit 3", "--restart", "always");
        await Bun.sleep(index * 25);
        await store.done("stop", name);
      }),
    );
    await Bun.sleep(500);
    expect(await store.done("ps", "-q", "--filter", "name=busy-")).toBe("");
    await store.done("rm", ...names);
  });

  test("always ends with a stop, and begins again with a start", async () => {
    await start("steady", "echo up; sleep 1000", "--restart", "always");
    await until(async () => (await lines("steady")) === 1);
    // Its end without anybody's wish: its monitor is killed, and it goes with it. The next command tells of it.
    process.kill(await monitorOf("steady"), "SIGKILL");
    await until(async () => {
      await store.done("ps");
      return (await lines("steady")) === 2 && (await told("steady"))?.phase === "running";
    });
    await store.done("stop", "-t", "0", "steady");
    await Bun.sleep(600);
    expect((await told("steady"))?.phase).toBe("exited");
    await store.done("start", "steady");
    await until(async () => (await lines("steady")) === 3);
    await store.done("rm", "-f", "steady");
    expect(bundles()).toEqual([]);
  });

  // One that could not be started stayed overdue, and was tried again without a pause and without an end.
  test("waits longer after each time that it cannot start, and gives up as the policy says", async () => {
    const blocker = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => undefined } });
    const { port } = blocker;
    blocker.stop(true);
    const records = new Database(join(store.folder, "root/teu.db"), { readonly: true });
    const record = async (name: string) => {
      const id = (await told(name))?.id ?? "";
      return records
        .query<{ attempts: number; delay_ms: number; due_at: number | null }, [string]>(
          "SELECT attempts, delay_ms, due_at FROM restarts WHERE container = ?1",
        )
        .get(id);
    };
    for (const policy of ["always", "on-failure:2"]) {
      const script = "until [ -e /end ]; do sleep 0.05; done; rm /end; exit 3";
      await start("blocked", script, "--restart", policy, "-p", `${port}:80`);
      const other = Bun.listen({ hostname: "0.0.0.0", port, socket: { data: () => undefined } });
      using _taken = { [Symbol.dispose]: () => other.stop(true) };
      await store.done("exec", "blocked", "touch", "/end");
      await until(async () => (await told("blocked"))?.phase === "exited");
      if (policy === "always") {
        await until(async () => ((await record("blocked"))?.attempts ?? 0) >= 3);
        const { attempts = 0, delay_ms: delayMs = 0 } = (await record("blocked")) ?? {};
        expect(delayMs).toBe(100 * 2 ** (attempts - 1));
        // Nobody was there to be told why.
        const error = () => store.done("inspect", "-f", "{{.State.Error}}", "blocked");
        expect(await error()).toBe(`Bind for 0.0.0.0:${port} failed: port is already allocated\n`);
        other.stop(true);
        await until(async () => (await error()) === "\n");
        await until(async () => (await told("blocked"))?.phase === "running");
      } else {
        // Before its end is dealt with nothing is due either.
        await until(async () => {
          const { attempts = 0, due_at: dueAt } = (await record("blocked")) ?? {};
          return attempts > 0 && dueAt === null;
        });
        expect(await record("blocked")).toMatchObject({ attempts: 2, delay_ms: 200 });
        expect((await told("blocked"))?.phase).toBe("exited");
      }
      await store.done("rm", "-f", "blocked");
    }
    records.close();
    expect(bundles()).toEqual([]);
  });

  // always was the same as unless-stopped: nothing looked at what was stopped by hand in an earlier boot.
  test("always, and no other, begins again in a new boot though it was stopped", async () => {
    const names = ["always", "unless-stopped", "on-failure"];
    for (const name of names) await start(name, "sleep 1000", "--restart", name);
    await store.done("stop", "-t", "0", ...names);
    const phases = async () => await Promise.all(names.map(async (name) => (await told(name))?.phase));
    await Bun.sleep(300);
    expect(await phases()).toEqual(["exited", "exited", "exited"]);
    const records = new Database(join(store.folder, "root/teu.db"));
    records.run("UPDATE boots SET id = 'an earlier one'");
    records.close();
    await until(async () => (await phases())[0] === "running");
    await Bun.sleep(300);
    expect(await phases()).toEqual(["running", "exited", "exited"]);
    await store.done("rm", "-f", ...names);
    expect(bundles()).toEqual([]);
  });

  test("a container in the foreground is started again without us", async () => {
    const count = "echo x >>/count; exit 3";
    const { status } = await store.teu(
      "run",
      "--name",
      "front",
      ...ALONE,
      "--restart",
      "on-failure:2",
      image,
      "sh",
      "-c",
      count,
    );
    expect(status).toBe(3);
    const written = async () => (await store.teu("cp", "front:/count", "-")).stdout.match(/x\n/g)?.length;
    await until(async () => (await written()) === 3);
    await until(async () => (await told("front"))?.phase === "exited");
    await store.done("rm", "-f", "front");
  });

  test("is refused with --rm, and for a word that is no policy", async () => {
    const said = async (...words: string[]) => (await store.teu("run", ...words, image, "true")).stderr;
    expect(await said("-d", "--rm", "--restart", "always")).toBe(
      "teu: Conflicting options: --restart and --rm\n",
    );
    expect(await said("-d", "--restart", "sometimes")).toStartWith('teu: Invalid restart policy "sometimes"');
  });
});
