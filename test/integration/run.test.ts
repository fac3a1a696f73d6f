/** `teu run` as its users meet it: flags, streams, exit statuses, and that it leaves nothing behind. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run as exec, TEU } from "./teu.ts";

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
  await pushLayers(image, [busyboxLayer(), { "second/layer": "here\n" }]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** Where a network is nothing to the test: this machine has subnets for some thirty, and other tests' stores take one each. */
const ALONE = ["--network", "none"];

/** Runs a script in a container that is removed. */
const sh = (script: string, ...flags: string[]) =>
  store.teu("run", "--rm", ...flags, image, "sh", "-c", script);

/** What lies in the store's directories of containers and snapshots in the making. */
function remains(of: Store = store): string[] {
  const list = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  const snapshots = list(join(of.folder, "root/snapshots")).filter((name) => name.startsWith("new-"));
  return [
    ...list(join(of.folder, "run/containers")),
    ...list(join(of.folder, "run/runtime/teu")),
    ...snapshots,
  ];
}

describe("flags", () => {
  const cases: { flags: string[]; script: string; says: string }[] = [
    { flags: [], script: "cat /second/layer", says: "here" },
    { flags: [], script: "id", says: "uid=0(root) gid=0(root) groups=0(root)" },
    {
      flags: ["--user", "user"],
      script: "id",
      says: "uid=1000(user) gid=1001(user) groups=1001(user),2000(extra)",
    },
    { flags: ["-u", "7:8"], script: "id -u; id -g", says: "7\n8" },
    { flags: ["-e", "A=1", "--env", "B=two words"], script: 'echo "$A $B"', says: "1 two words" },
    { flags: ["-w", "/made/for/it"], script: "pwd", says: "/made/for/it" },
    { flags: ["-w", "", "-m", "0", "--cpus", "0"], script: "pwd", says: "/" },
    { flags: ["--hostname", "box"], script: "hostname; cat /etc/hostname", says: "box\nbox" },
    { flags: ["--entrypoint", "echo"], script: "x", says: "sh -c x" },
    {
      flags: ["--read-only"],
      script: "touch /x 2>&1; touch /dev/shm/y && echo y",
      says: "touch: /x: Read-only file system\ny",
    },
    { flags: ["--network", "none"], script: "ls /sys/class/net", says: "lo" },
    { flags: [], script: "echo $$", says: "1" },
    {
      flags: ["--cap-drop", "ALL"],
      script: "grep CapEff /proc/self/status",
      says: "CapEff:\t0000000000000000",
    },
    {
      flags: ["--cap-add", "sys_time"],
      script: "grep CapEff /proc/self/status",
      says: "CapEff:\t00000000aa0425fb",
    },
    {
      flags: ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"],
      script: "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status",
      says: "NoNewPrivs:\t1\nSeccomp:\t0",
    },
    { flags: ["--ulimit", "nofile=77:88"], script: "ulimit -Sn; ulimit -Hn", says: "77\n88" },
    { flags: ["--ulimit", "core=0:-1"], script: "ulimit -Hc", says: "unlimited" },
    { flags: ["--shm-size", "1m"], script: "df -k /dev/shm | awk 'NR==2 {print $2}'", says: "1024" },
    {
      flags: ["--tmpfs", "/fast:size=2m"],
      script: "df -k /fast | awk 'NR==2 {print $1, $2}'",
      says: "tmpfs 2048",
    },
    {
      flags: ["--sysctl", "net.ipv4.ip_default_ttl=33"],
      script: "cat /proc/sys/net/ipv4/ip_default_ttl",
      says: "33",
    },
    { flags: ["--oom-score-adj", "77"], script: "cat /proc/self/oom_score_adj", says: "77" },
    { flags: ["--add-host", "db:10.1.2.3"], script: "grep db$ /etc/hosts", says: "10.1.2.3\tdb" },
    {
      flags: ["--dns", "192.0.2.53"],
      script: "grep nameserver /etc/resolv.conf",
      says: "nameserver 192.0.2.53",
    },
    {
      flags: ["--pids-limit", "20"],
      script: "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null",
      says: "20",
    },
    {
      flags: ["--memory", "32m"],
      script: "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null",
      says: "33554432",
    },
    {
      flags: ["--cpus", "0.5"],
      script: "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || head -n1 /sys/fs/cgroup/cpu.max",
      says: "50000",
    },
    {
      flags: [],
      script: "grep -c . /proc/mounts > /dev/null; grep Seccomp: /proc/self/status",
      says: "Seccomp:\t2",
    },
    { flags: [], script: "grep CapEff /proc/self/status", says: "CapEff:\t00000000a80425fb" },
    {
      flags: [],
      script: "(echo x > /proc/sys/kernel/hostname) 2>&1",
      says: "sh: can't create /proc/sys/kernel/hostname: Read-only file system",
    },
  ];
  test.each(cases)("$flags: $script", async ({ flags, script, says }) => {
    const { stdout, stderr } = await sh(script, ...flags);
    expect(stdout.trim().replace(/^50000 100000$/, "50000")).toBe(says);
    if (says !== "") expect(stderr).toBe("");
  });

  test("-v shows a host directory, to be written or not", async () => {
    const folder = store.path("shared");
    mkdirSync(folder);
    writeFileSync(join(folder, "in"), "from the host\n");
    const script = "cat /v/in; echo from inside > /v/out; touch /ro/x 2>&1";
    const { stdout } = await sh(script, "-v", `${folder}:/v`, "-v", `${folder}:/ro:ro`);
    expect(stdout).toBe("from the host\ntouch: /ro/x: Read-only file system\n");
    expect(readFileSync(join(folder, "out"), "utf8")).toBe("from inside\n");
  });

  test("--network host is the host's", async () => {
    // Its devices others may add to at any moment.
    const { stdout } = await sh("readlink /proc/self/ns/net", "--network", "host");
    expect(stdout).toBe(`${readlinkSync("/proc/self/ns/net")}\n`);
    // A made-up name, which nothing on that network resolves.
    expect((await sh("hostname", "--network", "host")).stdout.trim()).toBe(hostname());
  });
});

describe("streams and status", () => {
  test("the exit status is the program's", async () => {
    expect((await sh("exit 7")).status).toBe(7);
    expect((await sh("kill -9 $$; sleep 1")).status).not.toBe(125);
  });

  test("-i gives it our input; without, it reads nothing", async () => {
    const words = ["run", "--rm", image, "cat"];
    const interactive = Bun.spawn([TEU, "run", "--rm", "-i", image, "cat"], {
      env: { ...store.env },
      stdin: new TextEncoder().encode("typed\n"),
      stdout: "pipe",
    });
    expect(await interactive.stdout.text()).toBe("typed\n");
    const deaf = Bun.spawn([TEU, ...words], { env: { ...store.env }, stdin: "pipe", stdout: "pipe" });
    expect(await deaf.stdout.text()).toBe("");
    expect(await deaf.exited).toBe(0);
  });

  test("much output arrives whole, each stream on its own", async () => {
    const { stdout, stderr } = await sh("dd if=/dev/zero bs=65536 count=64 2>/dev/null; echo oops >&2");
    expect(stdout.length).toBe(4 << 20);
    expect(stderr).toBe("oops\n");
  });

  test("-it is a terminal: it has a size, it changes with ours, ctrl-C is a key", async () => {
    let seen = "";
    const child = Bun.spawn([TEU, "run", "--rm", "-it", image], {
      env: { ...store.env },
      terminal: {
        cols: 77,
        rows: 33,
        data: (_, bytes) => {
          seen += Buffer.from(bytes).toString();
        },
      },
    });
    const { terminal } = child;
    const until = async (text: string) => {
      for (const end = Date.now() + 5000; !seen.includes(text); await Bun.sleep(5))
        if (Date.now() > end)
          throw new Error(`waited for ${JSON.stringify(text)} in ${JSON.stringify(seen)}`);
    };
    await until("# ");
    terminal?.write("stty size; echo $((40+2))\r");
    await until("33 77");
    await until("42\r\n");
    terminal?.resize(20, 10);
    await Bun.sleep(50);
    terminal?.write("stty size\r");
    await until("10 20");
    terminal?.write("sleep 100\r");
    await Bun.sleep(50);
    terminal?.write("\x03");
    terminal?.write("echo still $((1+1))\r");
    await until("still 2");
    terminal?.write("exit 5\r");
    expect(await child.exited).toBe(5);
  });

  test("-it is left with ctrl-p ctrl-q, and goes on", async () => {
    const ready = Promise.withResolvers<void>();
    const child = Bun.spawn([TEU, "run", "--rm", "-it", "--name", "left", image], {
      env: { ...store.env },
      terminal: { data: (_, bytes) => Buffer.from(bytes).includes("# ") && ready.resolve() },
    });
    await ready.promise;
    child.terminal?.write("\x10\x11");
    expect(await child.exited).toBe(0);
    expect(await store.done("ps", "--format", "{{.Names}}")).toBe("left\n");
    await store.done("rm", "-f", "left");
    expect(remains()).toEqual([]);
  });

  test("-it without a terminal is refused", async () => {
    const { status, stderr } = await store.teu("run", "--rm", "-it", image);
    expect(status).toBe(1);
    expect(stderr).toStartWith("teu: the input device is not a TTY\n");
  });
});

describe("signals", () => {
  const start = (...words: string[]) =>
    Bun.spawn([TEU, "run", "--rm", ...ALONE, ...words], {
      env: { ...store.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  const firstLine = async (child: ReturnType<typeof start>) => {
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return Buffer.from(value ?? []).toString();
  };

  test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const)("%s is forwarded", async (signal) => {
    const name = signal.slice(3);
    const child = start(image, "sh", "-c", `trap 'exit 3' ${name}; echo ready; while :; do sleep 0.05; done`);
    expect(await firstLine(child)).toBe("ready\n");
    child.kill(signal);
    expect(await child.exited).toBe(3);
    expect(remains()).toEqual([]);
  });

  test("a program that is deaf to ctrl-C is killed at the third", async () => {
    const script = "trap 'echo heard' INT; echo ready; while :; do sleep 0.05; done";
    const child = start(image, "sh", "-c", script);
    const reader = child.stdout.getReader();
    // Two that come before the first is seen are one.
    for (let said = ""; said.split("heard\n").length < 3; ) {
      const { value } = await reader.read();
      if (value === undefined) throw new Error(`it ended, and had said: ${said}`);
      said += Buffer.from(value).toString();
      if (said.endsWith("\n")) child.kill("SIGINT");
    }
    expect(await child.exited).toBe(137);
    expect(remains()).toEqual([]);
  });

  test("the container outlives a teu that is killed, and goes when it has ended, if that was asked for", async () => {
    const child = start("--name", "survivor", image, "sh", "-c", "echo ready; sleep 1000");
    await firstLine(child);
    const running = () => store.done("ps", "--format", "{{.Names}}");
    while (child.exitCode === null && (await running()) === "") await Bun.sleep(10);
    child.kill("SIGKILL");
    await child.exited;
    expect(await running()).toBe("survivor\n");
    expect(await store.done("exec", "survivor", "echo", "here")).toBe("here\n");
    await store.done("kill", "survivor");
    // Its monitor has no starter any more: it starts a teu that does what follows.
    const isLeft = async () => remains().length > 0 || (await store.done("ps", "-aq")) !== "";
    while (await isLeft()) await Bun.sleep(10);
    expect(remains()).toEqual([]);
    expect(await store.done("ps", "-aq")).toBe("");
  });
});

describe("what stays", () => {
  test("without --rm the container stays with what it wrote, until rm", async () => {
    expect(await store.done("run", "--name", "kept", image, "sh", "-c", "echo x > /written; exit 0")).toBe(
      "",
    );
    const [container] = JSON.parse(await store.done("ps", "-a", "--json"));
    expect(container).toMatchObject({ name: "kept", phase: "exited", exitStatus: 0 });
    expect(container.command).toEqual(["sh", "-c", "echo x > /written; exit 0"]);
    expect(await store.done("ps", "-q")).toBe("");

    const again = await store.teu("run", "--name", "kept", image, "true");
    expect(again.status).toBe(125);
    expect(again.stderr).toMatch(
      /^teu: Conflict\. The container name "\/kept" is already in use by container .*\n$/,
    );

    const inUse = await store.teu("rmi", image);
    expect(inUse.status).toBe(1);
    expect(inUse.stderr).toMatch(
      /container [0-9a-f]{12} is using its referenced image .*\nhint: .*teu rm kept\n$/,
    );

    expect(await store.done("rm", "kept")).toBe("kept\n");
    expect(await store.done("ps", "-aq")).toBe("");
    expect((await store.teu("rm", "kept")).stderr).toBe("teu: No such container: kept\n");
  });

  // The column was empty where the image said what to run.
  test("logs shows what a container wrote in the foreground", async () => {
    const script = "echo out; echo err >&2; read line; echo got $line";
    const child = Bun.spawn([TEU, "run", "-i", ...ALONE, "--name", "joined", image, "sh", "-c", script], {
      env: { ...store.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const logs = async () => (await store.teu("logs", "joined")).stdout;
    while (child.exitCode === null && (await logs()) !== "out\n") await Bun.sleep(10);
    child.stdin.write("it\n");
    await child.stdin.end();
    expect(await child.exited).toBe(0);
    expect([await child.stdout.text(), await child.stderr.text()]).toEqual(["out\ngot it\n", "err\n"]);
    const { stdout, stderr } = await store.teu("logs", "joined");
    expect([stdout, stderr]).toEqual(["out\ngot it\n", "err\n"]);
    await store.done("rm", "joined");
  });

  test("with --rm the program has our files themselves; without, they get what it writes all the same", async () => {
    for (const flags of [["--rm"], []]) {
      const path = store.path("written");
      const script = "readlink /proc/self/fd/1; readlink /proc/self/fd/0";
      const child = Bun.spawn([TEU, "run", "-i", ...flags, image, "sh", "-c", script], {
        env: { ...store.env },
        stdio: [Bun.file(store.path("shared/in")), Bun.file(path), "inherit"],
      });
      expect(await child.exited).toBe(0);
      const [output = "", input = ""] = readFileSync(path, "utf8").split("\n");
      expect(output.startsWith("pipe:")).toBe(flags.length === 0);
      expect(input.startsWith("pipe:")).toBe(flags.length === 0);
    }
    await store.done("container", "prune", "-f");
  });

  test("ps shows the whole command, the image's part of it too", async () => {
    await store.done("run", "--name", "whole", image);
    await store.done("run", "-d", "--name", "detached", image);
    await store.done("run", "--name", "parted", "--entrypoint", "echo", image, "\u001b[31mred");
    const shown = await store.done("ps", "-a");
    expect(shown).toMatch(/ "sh" .* whole$/m);
    expect(shown).toMatch(/ "sh" .* detached$/m);
    expect(shown).toMatch(/ "echo \[31mred" .* Exited \(0\) .* ago +parted$/m);
    await store.done("rm", "-f", "whole", "detached", "parted");
  });

  test("rm refuses a container that runs; with -f it ends, and the teu that ran it ends too", async () => {
    const child = Bun.spawn([TEU, "run", "--name", "busy", image, "sh", "-c", "echo ready; sleep 1000"], {
      env: { ...store.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    await child.stdout.getReader().read();
    expect((await store.teu("rm", "busy")).stderr).toStartWith(
      'teu: Cannot remove container "/busy": container is running',
    );
    expect(await store.done("rm", "-f", "busy")).toBe("busy\n");
    expect(await child.exited).toBe(137);
    expect(await child.stderr.text()).toBe("");
    expect(await store.done("ps", "-aq")).toBe("");
    expect(remains()).toEqual([]);
  });

  test("an image of one file and nothing else runs", async () => {
    const name = `${registry.address}/test/bare`;
    await pushLayers(name, [{ busybox: "= busybox" }], { config: { Cmd: ["/busybox", "ls", "/"], Env: [] } });
    const { stdout, status } = await store.teu("run", "--rm", "-q", name);
    expect([stdout, status]).toEqual(["busybox\ndev\netc\nproc\nsys\n", 0]);
  });

  test("containers at once have a writable layer each", async () => {
    const all = await Promise.all(
      Array.from({ length: 4 }, (_, number) => sh(`echo ${number} > /mine; sleep 0.1; cat /mine`)),
    );
    expect(all.map(({ stdout }) => stdout)).toEqual(["0\n", "1\n", "2\n", "3\n"]);
    expect(remains()).toEqual([]);
  });

  test("runs at once on an empty store share one image", async () => {
    await using own = new Store();
    const all = await Promise.all(
      Array.from({ length: 4 }, () => own.teu("run", "--rm", "--quiet", image, "cat", "/second/layer")),
    );
    for (const { stdout, stderr, status } of all) expect([stdout, stderr, status]).toEqual(["here\n", "", 0]);
    expect(readdirSync(join(own.folder, "root/snapshots"))).toHaveLength(2);
    expect(remains(own)).toEqual([]);
  });
});

describe("--trace", () => {
  test("tells six steps on stderr, and the program's output stays its own", async () => {
    const { stdout, stderr } = await sh("echo out", "--trace");
    expect(stdout).toBe("out\n");
    const lines = stderr.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ")[0])).toEqual([
      "resolve",
      "pull",
      "unpack",
      "bundle",
      "create",
      "start",
    ]);
    for (const line of lines) expect(line).toMatch(/ \d+\.\d m?s$/);
  });

  test("=json tells them to programs", async () => {
    await using own = new Store();
    const { stderr } = await own.teu("run", "--rm", "--trace=json", image, "true");
    const steps = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(steps.map(({ kind }) => kind)).toEqual(["resolve", "pull", "unpack", "bundle", "create", "start"]);
    expect(steps[0]).toMatchObject({ from: "registry" });
    expect(steps[2]).toMatchObject({ unpacked: 2, present: 0 });
    expect(steps[4].namespaces).toEqual(["pid", "mount", "uts", "ipc", "cgroup", "network"]);
  });
});

describe("--platform", () => {
  // It was ignored where the name is no index: an image for another machine ran, or failed by its first program.
  test("refuses an image that is for another platform, and tries it when nothing was asked for", async () => {
    await using own = new Store();
    const foreign = `${registry.address}/test/foreign`;
    await pushLayers(foreign, [busyboxLayer()], { architecture: "s390x" });
    const says = `teu: Image ${foreign}:latest was found but its platform (linux/s390x) does not match the specified platform (linux/amd64)\n`;
    const refused = await own.teu("pull", "--quiet", "--platform", "linux/amd64", foreign);
    expect(refused).toEqual({ status: 1, stdout: "", stderr: says });
    expect(await own.done("images", "-q")).toBe("");
    // What it holds are programs of this machine all the same.
    expect(await own.done("run", "--rm", foreign, "echo", "tried")).toBe("tried\n");
    const again = await own.teu("run", "--rm", "--quiet", "--platform", "linux/amd64", foreign, "true");
    expect([again.status, again.stderr]).toEqual([125, says]);
    expect(await own.done("run", "--rm", "--platform", "linux/s390x", foreign, "echo", "asked")).toBe(
      "asked\n",
    );
  });
});

describe("--runtime", () => {
  const withRunc = needs(...WANTED, program("runc"));
  withRunc("another runtime runs the same container", async () => {
    const path = Bun.which("runc") ?? "";
    const { stdout, status } = await sh("id -u; exit 4", "--runtime", path);
    expect([stdout, status]).toEqual(["0\n", 4]);
    expect((await sh("true", "--runtime", "/no/such")).stderr).toContain('Cannot use runtime "/no/such"');
    expect((await store.teu("run", "--rm", "--runtime", path, image, "nosuch")).status).toBe(127);
    expect(remains()).toEqual([]);
  });

  // Its teu waited for it without hearing anything: only KILL ended the two.
  withRunc(
    "one whose create hangs is ended by ctrl-C with all that it began, and holds nobody else up",
    async () => {
      const runtime = store.path("slow-runtime");
      const begun = store.path("slow-begun");
      const asleep = "4711.5";
      const script = `#!/bin/sh
case " $* " in *" create "*) setsid sleep ${asleep} & echo x >${begun}; sleep ${asleep} ;; esac
exec ${Bun.which("runc")} "$@"
`;
      await Bun.write(runtime, script);
      chmodSync(runtime, 0o755);
      const sleepers = async () => (await exec(["pgrep", "-fc", `^sleep ${asleep}$`])).stdout.trim();
      const interrupted = async (signal: number, ...words: string[]) => {
        rmSync(begun, { force: true });
        const child = Bun.spawn([TEU, ...words], {
          env: { TEU_ROOT: join(store.folder, "root"), TEU_RUN: join(store.folder, "run") },
          stdio: ["ignore", "pipe", "pipe"],
        });
        while (!existsSync(begun)) await Bun.sleep(20);
        expect(await sleepers()).toBe("2");
        const asked = performance.now();
        await store.done("ps", "-a");
        expect(performance.now() - asked).toBeLessThan(1500);
        child.kill(signal);
        const [status, said] = [await child.exited, await child.stderr.text()];
        expect({ status, said, sleepers: await sleepers() }).toEqual({
          ...{
            status: 128 + signal,
            said: expect.stringMatching(/Interrupted by SIG(INT|TERM)/),
            sleepers: "0",
          },
        });
      };
      const none = ["--network", "none"];
      await interrupted(2, "run", "--rm", ...none, "--runtime", runtime, image, "true");
      await interrupted(15, "run", "-d", ...none, "--runtime", runtime, image, "true");
      expect(remains()).toEqual([]);
      expect(await store.done("ps", "-aq")).toBe("");
      await store.done("create", ...none, "--name", "slow", "--runtime", runtime, image, "true");
      await interrupted(2, "start", "-a", "slow");
      expect(await store.done("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toBe("slow Created\n");
      await store.done("rm", "slow");
      expect(remains()).toEqual([]);
    },
  );
});
