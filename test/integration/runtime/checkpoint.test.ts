/**
 * Checkpoint and restore by a real CRIU. Debian's is older than some kernels and knows no way on them: `test/vm/run` boots
 * one on which it does.
 */
import { afterEach, describe, expect } from "bun:test";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  read,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  acceptWaiting,
  datagramUnix,
  listenUnix,
  pipe,
  receiveMessage,
  socketPair,
} from "../../../src/sys/index.ts";
import { cgroupV2, criu, type Need, needs, program, root } from "../../support/needs.ts";
import {
  type Change,
  mount,
  withLinux,
  withMounts,
  withNewNamespace,
  withProcess,
  withResources,
  withUserNamespace,
} from "../support/bundle.ts";
import { Container, RUNC, TESTED } from "../support/runtime.ts";

/** Root of some machines has not all rights: without this one CRIU cannot ask for limits of another user's process. */
const resources: Need = {
  says: "CAP_SYS_RESOURCE",
  isMet: () => {
    const [, mask = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return ((BigInt(`0x${mask}`) >> 24n) & 1n) === 1n;
  },
};

const test = needs(root, program("busybox"), criu());
const tracking = needs(root, program("busybox"), criu("mem_dirty_track"));
const ours: Need = { says: "teu itself as the runtime under test", isMet: () => TESTED.name === "teu" };
const oursAlone = needs(root, program("busybox"), criu(), ours);
/** Where it may not raise its own limits, CRIU's page server ended with EBADF, and its restore waited without end; runc's, too. */
const lazily = needs(root, program("busybox"), criu("uffd-noncoop"), resources);
const both = needs(root, program("busybox"), program("runc"), criu(), ours);
const withoutCriu = needs(root, program("busybox"), ours);

/** Numbers, one a line, by a file that stays open. */
const COUNT = "exec 3>/tmp/log; i=0; while :; do i=$((i+1)); echo $i >&3; sleep 0.02; done";

const streams = new Set<number>();
afterEach(() => {
  for (const descriptor of streams) closeSync(descriptor);
  streams.clear();
});

interface CallOptions {
  readonly stdio?: [number, number, number];
  /** The call's descriptor 3. */
  readonly status?: number;
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A container that has images: no stream of it is a file of the host's, which CRIU would not save. */
class SavedContainer extends Container {
  readonly images = mkdtempSync(join(tmpdir(), "teu-images-"));
  #calls = 0;

  /** Calls the runtime with `stdio`, nothing by default. The log is what it says of errors. */
  async quietly(
    words: readonly string[],
    options: CallOptions = {},
  ): Promise<{ status: number; log: string }> {
    const { child, log } = this.begin(words, options);
    const status = await child.exited;
    return { status, log: log() };
  }

  /** Calls the runtime and does not wait. */
  begin(words: readonly string[], options: CallOptions = {}): { child: Bun.Subprocess; log(): string } {
    const log = join(this.images, `..`, `${this.id}-${++this.#calls}.log`);
    const [command, ...rest] = this.words(...words);
    const [stdin, stdout, stderr] = options.stdio ?? (["ignore", "ignore", "ignore"] as const);
    const child = Bun.spawn([command ?? "", ...this.#withLog(rest, log)], {
      cwd: this.bundle.path,
      env: { PATH: options.path ?? process.env["PATH"] ?? "", ...options.env },
      stdio: [stdin, stdout, stderr, options.status ?? "ignore"],
    });
    return {
      child,
      log() {
        const text = existsSync(log) ? readFileSync(log, "utf8") : "";
        rmSync(log, { force: true });
        return text;
      },
    };
  }

  /** `teu runtime --log FILE --root …`: global flags stand behind the word that says which command line it is. */
  #withLog(words: string[], log: string): string[] {
    const at = words.indexOf("--root");
    return [...words.slice(0, at), "--log", log, ...words.slice(at)];
  }

  async start(): Promise<void> {
    expect(await this.quietly(["run", "--detach", this.id])).toEqual({ status: 0, log: "" });
  }

  checkpoint(...flags: string[]): Promise<{ status: number; log: string }> {
    return this.quietly(["checkpoint", "--image-path", this.images, ...flags, this.id]);
  }

  restore(...flags: string[]): Promise<{ status: number; log: string }> {
    return this.quietly(["restore", "--detach", "--image-path", this.images, ...flags, this.id]);
  }

  /** What a file of the root file system says. */
  read(path: string): string {
    return readFileSync(join(this.bundle.rootfs, path), "utf8");
  }

  numbers(): number[] {
    return existsSync(join(this.bundle.rootfs, "tmp/log"))
      ? this.read("tmp/log").trim().split("\n").map(Number)
      : [];
  }

  /** Waits until `count` more numbers have come, and looks whether any is missing or came twice. */
  async counts(count = 5): Promise<void> {
    const end = this.numbers().length + count;
    await until(() => this.numbers().length >= end);
    expect(this.numbers().every((number, index) => number === index + 1)).toBe(true);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await super[Symbol.asyncDispose]();
    } finally {
      rmSync(this.images, { recursive: true, force: true });
    }
  }
}

/** /dev is bound, so that the null device of its streams is nowhere inside. */
const withHostsDevices: Change = (config) => {
  const others = (config.mounts ?? []).filter(({ destination }) => !destination.startsWith("/dev"));
  return { ...config, mounts: [...others, mount("/dev", "bind", "/dev", "bind")] };
};

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !isSo(); await Bun.sleep(10))
    if (Date.now() > end) throw new Error("what was waited for did not come");
}

const ENDED = { status: 0, log: "" };

describe(`checkpoints of ${TESTED.name}`, () => {
  test("a container goes on counting where it was, twice, with its files, its ID and its cgroup", async () => {
    await using container = new SavedContainer();
    container.configure(COUNT, withResources({ pids: { limit: 77 } }));
    await container.start();
    await container.counts();
    for (let round = 0; round < 2; round++) {
      expect(await container.checkpoint()).toEqual(ENDED);
      expect(readdirSync(container.stateFolder)).toEqual([]);
      const saved = container.numbers().length;
      await Bun.sleep(100);
      expect(container.numbers()).toHaveLength(saved);

      expect(await container.restore("--pid-file", "pid")).toEqual(ENDED);
      const { status, pid } = await container.state();
      expect([status, readFileSync(join(container.bundle.path, "pid"), "utf8")]).toEqual([
        "running",
        `${pid}`,
      ]);
      await container.counts();
      expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`/${container.id}\n`);
      const inside = await container.call(["exec", container.id, "sh", "-c", "hostname; echo $$; ip link"]);
      expect(inside.stdout).toMatch(/^box\n\d+\n1: lo:/);
    }
    expect((await container.call(["start", container.id])).stderr).toContain("already running");
    for (const words of [["pause"], ["resume"], ["update", "--pids-limit", "78"]])
      expect(await container.call([...words, container.id])).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse((await container.call(["ps", "-f", "json", container.id])).stdout)).toContain(
      (await container.state()).pid,
    );
    await container.counts();
    const stats = await container.call(["events", "--stats", container.id]);
    expect(JSON.parse(stats.stdout)).toMatchObject({ type: "stats", data: { pids: { limit: 78 } } });
    expect((await container.call(["kill", container.id, "KILL"])).status).toBe(0);
    await container.waitFor("stopped");
    expect((await container.call(["delete", container.id])).status).toBe(0);
  });

  oursAlone("the loopback is up again, as create makes it", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    expect(await container.checkpoint()).toEqual(ENDED);
    expect(await container.restore()).toEqual(ENDED);
    const { stdout } = await container.call(["exec", container.id, "ip", "link"]);
    expect(stdout).toContain("<LOOPBACK,UP,LOWER_UP>");
  });

  test("--leave-running leaves it running, and what was saved is one more container", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    await container.counts();
    const { pid } = await container.state();
    expect(await container.checkpoint("--leave-running")).toEqual(ENDED);
    expect(await container.state()).toMatchObject({ status: "running", pid });
    await container.counts();
    // One of the same ID is there already.
    const again = await container.restore();
    expect(again.status).toBe(1);
    expect(again.log).toContain("container with given ID already exists");
    await container.counts();
  });

  test("a paused container is saved, too", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    await container.counts();
    await container.call(["pause", container.id]);
    expect(await container.checkpoint()).toEqual(ENDED);
    expect(await container.restore()).toEqual(ENDED);
    await container.counts();
  });

  tracking(
    "--pre-dump saves memory and lets it run, and --parent-path saves what has changed since",
    async () => {
      await using container = new SavedContainer();
      await container.configure(COUNT).start();
      await container.counts();
      const first = join(container.images, "first");
      const last = join(container.images, "last");
      const dumped = await container.quietly([
        "checkpoint",
        "--pre-dump",
        "--image-path",
        first,
        container.id,
      ]);
      expect(dumped).toEqual(ENDED);
      await container.counts();
      const words = ["checkpoint", "--parent-path", "../first", "--image-path", last, container.id];
      expect(await container.quietly(words)).toEqual(ENDED);
      expect(existsSync(join(last, "parent"))).toBe(true);
      expect(await container.quietly(["restore", "-d", "--image-path", last, container.id])).toEqual(ENDED);
      await container.counts();
    },
  );

  test("pipes are replaced by the pipes of restore", async () => {
    await using container = new SavedContainer();
    container.configure("n=0; while read line; do n=$((n+1)); echo $n $line; done");
    const before = standardPipes();
    const run = await container.quietly(["run", "--detach", container.id], { stdio: before.theirs });
    expect(run).toEqual(ENDED);
    before.write("one\n");
    expect(await before.read()).toBe("1 one\n");
    expect(await container.checkpoint()).toEqual(ENDED);
    const names: string[] = JSON.parse(readFileSync(join(container.images, "descriptors.json"), "utf8"));
    expect(names.every((name) => name.startsWith("pipe:["))).toBe(true);

    const after = standardPipes();
    const words = ["restore", "-d", "--image-path", container.images, container.id];
    expect(await container.quietly(words, { stdio: after.theirs })).toEqual(ENDED);
    after.write("two\n");
    expect(await after.read()).toBe("2 two\n");
  });

  oursAlone("files of the host's, where runc ends, are replaced by the streams of restore", async () => {
    await using container = new SavedContainer();
    container.configure("i=0; while :; do i=$((i+1)); echo $i; echo error $i >&2; sleep 0.02; done");
    const [first, second] = ["first", "second"].map((name) => join(container.images, name)) as [
      string,
      string,
    ];
    const lines = (file: string): string[] => readFileSync(file, "utf8").trim().split("\n");
    const inFile = (file: string): [number, number, number] => {
      const descriptor = openSync(file, "a");
      const nothing = openSync("/dev/null", "r");
      streams.add(descriptor);
      streams.add(nothing);
      return [nothing, descriptor, descriptor];
    };
    expect(await container.quietly(["run", "--detach", container.id], { stdio: inFile(first) })).toEqual(
      ENDED,
    );
    await until(() => lines(first).length > 5);
    expect(await container.checkpoint()).toEqual(ENDED);
    const saved = lines(first);
    const words = ["restore", "--detach", "--image-path", container.images, container.id];
    expect(await container.quietly(words, { stdio: inFile(second) })).toEqual(ENDED);
    await until(() => lines(second).length > 5);
    expect(lines(first)).toEqual(saved);
    const numbers = [...saved, ...lines(second)].filter((line) => !line.startsWith("error")).map(Number);
    expect(numbers.every((number, index) => number === index + 1)).toBe(true);
  });

  test("a terminal is sent to the console socket again", async () => {
    await using container = new SavedContainer();
    using socket = consoleSocket();
    container.configure(
      "n=0; while read line; do n=$((n+1)); echo $n-$line; done",
      withProcess({ terminal: true }),
    );
    const run = ["run", "--detach", "--console-socket", socket.path, container.id];
    expect(await container.quietly(run)).toEqual(ENDED);
    const first = socket.take();
    writeSync(first, "one\n");
    expect(await readUntil(first, "1-one\r\n")).toContain("one\r\n1-one\r\n");
    expect(await container.checkpoint()).toEqual(ENDED);
    expect(await container.restore("--console-socket", socket.path)).toEqual(ENDED);
    const second = socket.take();
    writeSync(second, "two\n");
    expect(await readUntil(second, "2-two\r\n")).toContain("two\r\n2-two\r\n");
  });

  // runc 1.1 gives the terminal to nobody, and waits.
  oursAlone("restore in the foreground gives its own terminal to a container that has one", async () => {
    await using container = new SavedContainer();
    using socket = consoleSocket();
    const script = "n=0; while read line; do n=$((n+1)); echo $n-$line; [ $line = end ] && exit 5; done";
    container.configure(script, withProcess({ terminal: true }));
    const run = ["run", "--detach", "--console-socket", socket.path, container.id];
    expect(await container.quietly(run)).toEqual(ENDED);
    const first = socket.take();
    writeSync(first, "one\n");
    await readUntil(first, "1-one");
    expect(await container.checkpoint()).toEqual(ENDED);
    let output = "";
    const child = Bun.spawn(container.words("restore", "--image-path", container.images, container.id), {
      cwd: container.bundle.path,
      env: { PATH: process.env["PATH"] ?? "" },
      terminal: {
        cols: 91,
        rows: 17,
        data(_, data) {
          output += new TextDecoder().decode(data);
        },
      },
    });
    child.terminal?.write("two\n");
    await until(() => output.includes("2-two\r\n"));
    child.terminal?.write("end\n");
    expect(await child.exited).toBe(5);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  test("restore in the foreground ends with the container's exit status, and deletes it", async () => {
    await using container = new SavedContainer();
    container.configure("while ! [ -e /tmp/go ]; do sleep 0.02; done; exit 7");
    await container.start();
    expect(await container.checkpoint()).toEqual(ENDED);
    writeFileSync(join(container.bundle.rootfs, "tmp/go"), "");
    const words = ["restore", "--image-path", container.images, container.id];
    expect(await container.quietly(words)).toEqual({ status: 7, log: "" });
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  const namespaces: readonly [string, Change, readonly Need[]][] = [
    ["a cgroup namespace", withNewNamespace("cgroup"), []],
    ["a user namespace", withUserNamespace(100_000), []],
    ["no mount of cgroups", (config) => ({ ...config, mounts: config.mounts?.slice(0, -1) ?? [] }), []],
    ["a user of its own", withProcess({ user: { uid: 1000, gid: 1000 } }), [resources]],
    ["a time namespace", withNewNamespace("time"), [ours]],
    ["the host's /dev", withHostsDevices, [ours]],
    ["a limit of four processes", withResources({ pids: { limit: 4 } }), [ours]],
    ["limits of memory", withResources({ memory: { limit: 256 << 20 } }), [cgroupV2]],
  ];
  for (const [says, change, wanted] of namespaces)
    needs(
      root,
      program("busybox"),
      criu(),
      ...wanted,
    )(`a container with ${says} goes on`, async () => {
      await using container = new SavedContainer();
      // In a user namespace CRIU opens its images as the root of that.
      chmodSync(container.images, 0o755);
      await container.configure(COUNT, change).start();
      await container.counts();
      expect(await container.checkpoint()).toEqual(ENDED);
      expect(await container.restore()).toEqual(ENDED);
      await container.counts();
      expect((await container.call(["exec", container.id, "true"])).status).toBe(0);
    });

  test("a joined network namespace stays the one that it is", async () => {
    await using container = new SavedContainer();
    const holder = Bun.spawn(["unshare", "--net", "sleep", "1000"], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    try {
      const path = `/proc/${holder.pid}/ns/net`;
      const inode = (file: string): string => Bun.spawnSync(["readlink", file]).stdout.toString();
      await until(() => inode(path) !== inode("/proc/self/ns/net"));
      const others = ["pid", "ipc", "uts", "mount"].map((type) => ({ type }) as { type: "pid" });
      container.configure(COUNT, withLinux({ namespaces: [...others, { type: "network", path }] }));
      await container.start();
      await container.counts();
      expect(await container.checkpoint()).toEqual(ENDED);
      expect(await container.restore()).toEqual(ENDED);
      await container.counts();
      expect(inode(`/proc/${(await container.state()).pid}/ns/net`)).toBe(inode(path));
    } finally {
      holder.kill("SIGKILL");
      await holder.exited;
    }
  });

  test("bind mounts are bound again: behind a link, read-only, and one in another, whose place has gone", async () => {
    await using container = new SavedContainer();
    const [outer, inner] = ["outer", "inner"].map((name) =>
      join(container.images, "..", `${container.id}-${name}`),
    );
    if (outer === undefined || inner === undefined) throw new Error("there are two");
    try {
      for (const folder of [outer, inner]) mkdirSync(folder);
      writeFileSync(join(inner, "file"), "inner\n");
      mkdirSync(join(container.bundle.rootfs, "real"));
      symlinkSync("/real/conf", join(container.bundle.rootfs, "conf"));
      container.configure(
        COUNT,
        withMounts(
          mount("/conf", "bind", outer, "bind"),
          mount("/data", "bind", outer, "rbind"),
          mount("/data/for/nested", "bind", inner, "bind", "ro"),
        ),
      );
      await container.start();
      await container.counts();
      expect(await container.checkpoint()).toEqual(ENDED);
      rmSync(join(outer, "for"), { recursive: true });
      expect(await container.restore()).toEqual(ENDED);
      await container.counts();
      const inside = await container.call([
        "exec",
        container.id,
        "sh",
        "-c",
        "cat /data/for/nested/file; echo >/data/for/nested/file; echo new >/real/conf/new",
      ]);
      expect(inside.stdout).toBe("inner\n");
      expect(inside.stderr).toContain("Read-only file system");
      expect(readFileSync(join(outer, "new"), "utf8")).toBe("new\n");
    } finally {
      for (const folder of [outer, inner]) rmSync(folder, { recursive: true, force: true });
    }
  });

  // runc 1.1 restores only where somebody is told, and then tells nobody.
  oursAlone(
    "NOTIFY_SOCKET: who is told hears of it again, at once or when the container is ready",
    async () => {
      await using container = new SavedContainer();
      const path = join(container.bundle.path, "notify");
      const host = datagramUnix("bind", path);
      streams.add(host);
      const told = { env: { NOTIFY_SOCKET: path } };
      const restore = ["restore", "--detach", "--image-path", container.images, container.id];
      const messages = async () => ["READY=1\n", `MAINPID=${(await container.state()).pid}\n`, "BARRIER=1"];
      copyFileSync(
        join(import.meta.dir, "../../../native/out/probe.elf"),
        join(container.bundle.rootfs, "probe"),
      );
      chmodSync(join(container.bundle.rootfs, "probe"), 0o755);
      const script = "while ! [ -e /tmp/go ]; do sleep 0.02; done; /probe notify:READY=1";
      container.configure(`${script}; while :; do sleep 1; done`);
      expect(await container.quietly(["create", container.id], told)).toEqual(ENDED);
      // Nobody is told yet.
      expect(await container.quietly(["start", container.id])).toEqual(ENDED);
      expect(await container.checkpoint()).toEqual(ENDED);
      const { child, log } = container.begin(restore, told);
      await until(() => existsSync(join(container.stateFolder, container.id, "state.json")));
      expect(child.exitCode).toBeNull();
      writeFileSync(join(container.bundle.rootfs, "tmp/go"), "");
      expect(receive(host, 3)).toEqual(await messages());
      expect([await child.exited, log()]).toEqual([0, ""]);
      for (let round = 0; round < 2; round++) {
        if (round > 0) expect(await container.restore()).toEqual(ENDED);
        expect(await container.checkpoint()).toEqual(ENDED);
      }
      const again = container.begin(restore, told);
      expect(receive(host, 3)).toEqual(await messages());
      expect([await again.child.exited, again.log()]).toEqual([0, ""]);
    },
  );

  // runc 1.1 does not know the mode on v1, and on v2 restores into the cgroup that was saved.
  oursAlone("--manage-cgroups-mode ignore lets it go on in another cgroup", async () => {
    await using container = new SavedContainer();
    const paths = ["a", "b"].map((name) => `/teu-checkpoint-${container.id}/${name}`);
    try {
      await container.configure(COUNT, withLinux({ cgroupsPath: paths[0] ?? "" })).start();
      expect(await container.checkpoint("--manage-cgroups-mode", "ignore")).toEqual(ENDED);
      container.configure(COUNT, withLinux({ cgroupsPath: paths[1] ?? "" }));
      expect(await container.restore("--manage-cgroups-mode", "ignore")).toEqual(ENDED);
      const { pid } = await container.state();
      expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`:${paths[1]}\n`);
      await container.counts();
      await container.call(["delete", "--force", container.id]);
    } finally {
      // Above the container's own cgroup nothing is the runtime's to remove.
      Bun.spawnSync([
        "sh",
        "-c",
        `find /sys/fs/cgroup -depth -type d -path '*/teu-checkpoint-${container.id}*' -exec rmdir {} +`,
      ]);
    }
  });

  test("hooks run at their moments: those of the runtime before it goes on, poststop when it is gone", async () => {
    await using container = new SavedContainer();
    const log = join(container.bundle.path, "hooks");
    const hook = (name: string) => [{ path: "/bin/sh", args: ["sh", "-c", `echo ${name} >>${log}`] }];
    container.configure(COUNT, (config) => ({
      ...config,
      hooks: {
        createRuntime: hook("createRuntime"),
        poststart: hook("poststart"),
        poststop: hook("poststop"),
      },
    }));
    await container.start();
    expect(await container.checkpoint()).toEqual(ENDED);
    expect(await container.restore()).toEqual(ENDED);
    await container.counts();
    await container.call(["delete", "--force", container.id]);
    const names = ["createRuntime", "poststart", "poststop", "createRuntime", "poststop"];
    expect(readFileSync(log, "utf8").trim().split("\n")).toEqual(names);
  });

  oursAlone("a hook that fails fails the restore, and nothing is left", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    expect(await container.checkpoint()).toEqual(ENDED);
    container.configure(COUNT, (config) => ({
      ...config,
      hooks: { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", "grep -o creating >&2; exit 3"] }] },
    }));
    const { status, log } = await container.restore();
    expect(status).toBe(1);
    expect(log).toContain("error running createRuntime hook #0: exit status 3, stdout: , stderr: creating");
    expect(readdirSync(container.stateFolder)).toEqual([]);
    expect(await container.configure(COUNT).restore()).toEqual(ENDED);
    await container.counts();
  });

  oursAlone(
    "what CRIU refuses is told with its own words and its log, and the container runs on",
    async () => {
      await using container = new SavedContainer();
      container.configure(COUNT);
      // A connection to somebody outside.
      const [stdin, other] = socketPair();
      streams.add(stdin);
      streams.add(other);
      await container.quietly(["run", "--detach", container.id], { stdio: [stdin, stdin, stdin] });
      await container.counts();
      const { status, log } = await container.checkpoint();
      expect(status).toBe(1);
      expect(log).toContain("criu failed: type DUMP errno");
      expect(log).toContain("Error (criu/");
      expect(log).toContain(`(log file: ${container.images}/dump.log)`);
      expect(existsSync(join(container.images, "descriptors.json"))).toBe(false);
      await container.counts();
      expect(await container.restore()).toMatchObject({ status: 1 });
    },
  );

  oursAlone("images that are cut off are told, and nothing is left", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    expect(await container.checkpoint()).toEqual(ENDED);
    const work = join(container.images, "work");
    truncateSync(join(container.images, "pstree.img"), 9);
    const { status, log } = await container.restore("--work-path", work);
    expect(status).toBe(1);
    expect(log).toContain("criu failed: type RESTORE errno");
    expect(log).toContain(`(log file: ${work}/restore.log)`);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  both("runc restores what teu has saved, and teu what runc has", async () => {
    for (const [saver, restorer] of [
      [TESTED, RUNC],
      [RUNC, TESTED],
    ] as const) {
      await using container = new SavedContainer(saver);
      await using other = new SavedContainer(restorer);
      // Without, the two mount other things on v2.
      await container.configure(COUNT, withNewNamespace("cgroup")).start();
      await container.counts();
      expect(await container.checkpoint()).toEqual(ENDED);
      // By the same ID: on v2 runc 1.1 restores into the cgroup that was saved, whatever the container's is.
      const { path } = container.bundle;
      const words = ["restore", "-d", "--image-path", container.images, "--bundle", path, container.id];
      expect(await other.quietly(words)).toEqual(ENDED);
      await container.counts();
      expect((await other.call(["exec", container.id, "hostname"])).stdout).toBe("box\n");
      await other.call(["delete", "--force", container.id]);
    }
  });

  lazily("--lazy-pages: memory comes over while the container runs on somewhere else", async () => {
    await using container = new SavedContainer();
    await using other = new SavedContainer();
    await container.configure(COUNT).start();
    await container.counts();
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const { port } = server;
    await server.stop(true);
    const ready = pipe();
    const address = ["--page-server", `127.0.0.1:${port}`, "--status-fd", "3"];
    const words = ["checkpoint", "--lazy-pages", ...address, "--image-path", container.images, container.id];
    const saving = container.begin(words, { status: ready.write });
    closeSync(ready.write);
    expect(await readUntil(ready.read, "\0")).toBe("\0");
    closeSync(ready.read);
    const from = ["--page-server", "--address", "127.0.0.1", "--port", `${port}`, "-D", container.images];
    const daemon = Bun.spawn(["criu", "lazy-pages", ...from], { stdio: ["ignore", "ignore", "ignore"] });
    await until(() => existsSync(join(container.images, "lazy-pages.socket")));
    // The other one is still there, in its cgroup.
    const restore = ["restore", "-d", "--lazy-pages", "--manage-cgroups-mode", "ignore"];
    const here = ["--image-path", container.images, "--work-path", container.images];
    const bundle = ["--bundle", container.bundle.path, other.id];
    expect(await other.quietly([...restore, ...here, ...bundle])).toEqual(ENDED);
    await container.counts();
    expect([await saving.child.exited, saving.log(), await daemon.exited]).toEqual([0, "", 0]);
    await container.counts();
    expect(readdirSync(container.stateFolder)).toEqual([]);
    await other.call(["delete", "--force", other.id]);
  });

  oursAlone(
    "a restore that is killed leaves no mount, by which delete would come into the root file system",
    async () => {
      await using container = new SavedContainer();
      await container.configure(COUNT).start();
      expect(await container.checkpoint()).toEqual(ENDED);
      const began = join(container.bundle.path, "began");
      const script = `echo >${began}; while [ -d /proc/$PPID ]; do sleep 0.05; done`;
      container.configure(COUNT, (config) => ({
        ...config,
        hooks: {
          createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin:/usr/bin"] }],
        },
      }));
      const { child } = container.begin(["restore", "--image-path", container.images, container.id]);
      await until(() => existsSync(began));
      child.kill("SIGKILL");
      await child.exited;
      expect(readdirSync(container.stateFolder)).toEqual([container.id]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(container.bundle.path);
      await until(() => !hasCriu(container.images));
      expect((await container.call(["delete", "--force", container.id])).status).toBe(0);
      expect(existsSync(join(container.bundle.rootfs, "bin/busybox"))).toBe(true);
      expect(await container.configure(COUNT).restore()).toEqual(ENDED);
      await container.counts();
    },
  );

  test("what is not running is not saved, what is not there is not restored", async () => {
    await using container = new SavedContainer();
    container.configure(COUNT);
    expect((await container.checkpoint()).log).toContain("container does not exist");
    await container.quietly(["create", container.id]);
    expect((await container.checkpoint()).log).toContain("Container cannot be checkpointed in created state");
    await container.call(["delete", "--force", container.id]);
    const { status, log } = await container.restore("--image-path", join(container.images, "none"));
    expect(status).toBe(1);
    expect(log).not.toBe("");
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });
});

describe("checkpoints without a CRIU that works", () => {
  withoutCriu("the error says what to install, and the container runs on", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    const images = join(container.images, "new");
    const words = ["checkpoint", "--image-path", images, container.id];
    const missing = await container.quietly(words, { path: "/nonexistent" });
    expect(missing.status).toBe(1);
    expect(missing.log).toContain(
      String.raw`exec: \"criu\": executable file not found in $PATH: install CRIU, for instance by \"apt-get install criu\"`,
    );
    expect(existsSync(images)).toBe(false);
    await container.counts();
  });

  withoutCriu("one that dies is told, with what it printed", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    const folder = join(container.images, "bin");
    mkdirSync(folder);
    const program = "#!/bin/sh\necho 'Error (criu/kerndat.c:1): no' >&2\nexit 1\n";
    writeFileSync(join(folder, "criu"), program, { mode: 0o755 });
    const words = ["checkpoint", "--image-path", container.images, container.id];
    const { status, log } = await container.quietly(words, { path: folder });
    expect(status).toBe(1);
    expect(log).toContain("criu failed: type VERSION ended without an answer: Error (criu/kerndat.c:1): no");
    await container.counts();
  });

  withoutCriu("values that no flag can have are refused before CRIU is looked for", async () => {
    await using container = new SavedContainer();
    await container.configure(COUNT).start();
    for (const [flags, says] of [
      [["--parent-path", "/absolute"], "--parent-path must be relative"],
      [["--parent-path", "../nobody"], "invalid --parent-path: stat"],
      [["--manage-cgroups-mode", "hard"], "invalid manage-cgroups-mode value"],
      [["--empty-ns", "pid"], String.raw`namespace \"pid\" is not supported`],
      [["--page-server", "nowhere"], "Use --page-server ADDRESS:PORT to specify page server"],
      [["--page-server", "127.0.0.1:x"], "Invalid port number"],
      [["--status-fd", "99"], "invalid --status-fd argument 99: bad file descriptor"],
    ] as const) {
      const words = ["checkpoint", "--image-path", container.images, ...flags, container.id];
      const { status, log } = await container.quietly(words, { path: "/nonexistent" });
      expect([status, log]).toEqual([1, expect.stringContaining(says)]);
    }
  });

  withoutCriu("a directory without a checkpoint is named", async () => {
    await using container = new SavedContainer();
    container.configure(COUNT);
    for (const [path, says] of [
      [join(container.images, "none"), "there is no such directory"],
      [container.images, "it has no descriptors.json, as a checkpoint has"],
    ] as const) {
      const { status, log } = await container.restore("--image-path", path);
      expect([status, log]).toEqual([1, expect.stringContaining(`Cannot restore from ${path}: ${says}`)]);
    }
    for (const text of ["{", "{}", "[1]", '["a","b","c","d"]']) {
      writeFileSync(join(container.images, "descriptors.json"), text);
      const { log } = await container.restore();
      expect(log).toContain(`Cannot restore from ${container.images}: descriptors.json is not`);
    }
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });
});

/** Whether a criu still works in `folder`. */
function hasCriu(folder: string): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === folder;
    } catch {
      return false; // no process, or no longer
    }
  });
}

/** Three pipes: the container's ends, and the test's. */
function standardPipes(): {
  theirs: [number, number, number];
  write(text: string): void;
  read(): Promise<string>;
} {
  const [input, output, errors] = [pipe(), pipe(), pipe()];
  for (const { read, write } of [input, output, errors]) {
    streams.add(read);
    streams.add(write);
  }
  return {
    theirs: [input.read, output.write, errors.write],
    write: (text) => void writeSync(input.write, text),
    read: () => readUntil(output.read, "\n"),
  };
}

/** What comes until `end` has come. */
async function readUntil(descriptor: number, end: string): Promise<string> {
  const buffer = new Uint8Array(4096);
  const readSome = promisify(read);
  let text = "";
  while (!text.includes(end)) {
    const { bytesRead } = await readSome(descriptor, buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    text += new TextDecoder().decode(buffer.subarray(0, bytesRead));
  }
  return text;
}

/** The next datagrams; a descriptor that comes along is closed, which is the answer to a barrier. */
function receive(socket: number, count: number): string[] {
  return Array.from({ length: count }, () => {
    const bytes = new Uint8Array(new ArrayBuffer(4096));
    const { length, descriptors } = receiveMessage(socket, bytes);
    for (const descriptor of descriptors) closeSync(descriptor);
    return new TextDecoder().decode(bytes.subarray(0, length));
  });
}

/** A socket on which a runtime delivers terminals. */
function consoleSocket(): { path: string; take(): number } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "teu-console-"));
  const path = join(folder, "socket");
  const listener = listenUnix(path);
  return {
    path,
    take() {
      const connection = acceptWaiting(listener);
      if (connection === undefined) throw new Error("nobody connected to the console socket");
      const { descriptors } = receiveMessage(connection, new Uint8Array(4096));
      closeSync(connection);
      for (const descriptor of descriptors) streams.add(descriptor);
      return descriptors[0] ?? -1;
    },
    [Symbol.dispose]() {
      closeSync(listener);
      rmSync(folder, { recursive: true });
    },
  };
}
