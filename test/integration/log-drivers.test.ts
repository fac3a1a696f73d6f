/** Where the lines of containers go: files of either form, nowhere, syslog and the journal. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { datagramUnix, receiveMessage, syscall } from "../../src/sys/index.ts";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run as exec, TEU } from "./teu.ts";

const JOURNALD = "/lib/systemd/systemd-journald";

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
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const run = (name: string, script: string, ...flags: string[]) =>
  store.teu("run", "--network", "none", "--name", name, ...flags, image, "sh", "-c", script);
const inspect = async (name: string) => JSON.parse(await store.done("inspect", name))[0];

/** A socket as syslog or the journal have one. */
class Listener implements Disposable {
  readonly #socket: number;
  readonly #path: string;

  constructor(path: string) {
    rmSync(path, { force: true });
    this.#path = path;
    this.#socket = datagramUnix("bind", path);
  }

  /** What has arrived. */
  take(): string[] {
    const lines: string[] = [];
    for (;;) {
      const readable = new Uint32Array(new Uint16Array([0, 0, 1, 0]).buffer);
      readable[0] = this.#socket;
      if (syscall("ppoll", readable, 1, new BigInt64Array(2), 0, 0) !== 1) return lines;
      const bytes = new Uint8Array(new ArrayBuffer(70_000));
      lines.push(Buffer.from(bytes.subarray(0, receiveMessage(this.#socket, bytes).length)).toString());
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#socket);
    rmSync(this.#path, { force: true });
  }
}

describe("files", () => {
  test("json-file is docker's, and is read: lines, parts, streams, what is no text", async () => {
    const script = `echo out; echo '"err"' >&2; printf 'a\\tb\\n'; printf '\\377\\n'; printf rest`;
    await run("json", script, "--log-driver", "json-file");
    const { Id, HostConfig } = await inspect("json");
    expect(HostConfig.LogConfig).toEqual({ Type: "json-file", Config: {} });
    const text = readFileSync(join(store.folder, "root/containers", Id, "log"), "latin1");
    const entries = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const logged = (stream: string) =>
      entries.filter((entry) => entry.stream === stream).map(({ log }) => log);
    expect(logged("stdout")).toEqual(["out\n", "a\tb\n", "\xff\n", "rest"]);
    expect(logged("stderr")).toEqual(['"err"\n']);
    const { stdout, stderr } = await store.teu("logs", "json");
    expect(stdout).toBe("out\na\tb\n\ufffd\nrest");
    expect(stderr).toBe('"err"\n');
    expect(await store.done("logs", "--tail", "1", "-t", "json")).toMatch(/^\d{4}-\d\d-\d\dT\S+Z rest$/);
    await store.done("rm", "json");
  });

  test("are as large and as many as max-size and max-file say", async () => {
    for (const driver of ["local", "json-file"]) {
      await run(
        "many",
        "yes 0123456789 | head -n 5000",
        "--log-driver",
        driver,
        "--log-opt",
        "max-size=10k",
        "--log-opt",
        "max-file=3",
        ...["--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=4m"],
      );
      const folder = join(store.folder, "root/containers", (await inspect("many")).Id);
      const files = readdirSync(folder).filter((name) => name.startsWith("log"));
      expect(files.sort()).toEqual(["log", "log.1", "log.2"]);
      for (const name of files) expect(readFileSync(join(folder, name)).length).toBeLessThanOrEqual(10 << 10);
      await store.done("rm", "many");
    }
  });

  test("none keeps nothing, and says so", async () => {
    expect((await run("silent", "echo x", "--log-driver", "none")).stdout).toBe("x\n");
    const { Id } = await inspect("silent");
    expect(readdirSync(join(store.folder, "root/containers", Id))).not.toContain("log");
    const { status, stderr } = await store.teu("logs", "silent");
    expect(status).toBe(1);
    expect(stderr).toStartWith("teu: configured logging driver does not support reading: none\n");
    await store.done("rm", "silent");
  });
});

describe("sockets", () => {
  test("syslog gets each line with its priority and tag, in either format", async () => {
    const path = store.path("syslog.sock");
    using listener = new Listener(path);
    const opts = ["--log-driver", "syslog", "--log-opt", `syslog-address=unix://${path}`];
    const { stdout } = await run(
      "sys",
      "echo one; echo two >&2; printf three",
      ...opts,
      "--log-opt",
      "tag={{.Name}}",
      "--log-opt",
      "syslog-facility=local0",
    );
    expect(stdout).toBe("one\nthree");
    const lines = listener.take().map((line) => line.replace(/\[\d+\]/, "[N]"));
    expect(lines.sort()).toEqual(["<131>sys[N]: two", "<134>sys[N]: one", "<134>sys[N]: three"]);
    // They are kept here too, unless that was not wanted.
    const kept = await store.teu("logs", "sys");
    expect(kept).toMatchObject({ stdout: "one\nthree", stderr: "two\n" });
    await store.done("rm", "sys");
    await run(
      "sys",
      "echo one",
      ...opts,
      "--log-opt",
      "syslog-format=rfc5424",
      "--log-opt",
      "cache-disabled=true",
    );
    expect((await store.teu("logs", "sys")).stderr).toContain("does not support reading: syslog");
    expect(listener.take()[0]).toMatch(/^<30>1 - \S+ ([0-9a-f]{12}) \d+ \1 - one$/);
    await store.done("rm", "sys");
  });

  test("syslog by a socket of streams is refused, where nothing would arrive", async () => {
    const path = store.path("streams");
    const server = Bun.listen({ unix: path, socket: { data: () => undefined } });
    const words = ["--log-driver", "syslog", "--log-opt", `syslog-address=unix://${path}`, image, "true"];
    const refused = await store.teu("run", "--rm", "--network", "none", ...words);
    server.stop(true);
    expect(refused).toMatchObject({ status: 125, stderr: expect.stringContaining("a socket of streams") });
  });

  test("syslog by UDP", async () => {
    const got = Promise.withResolvers<string>();
    const server = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: { data: (_, bytes) => got.resolve(bytes.toString()) },
    });
    await run(
      "udp",
      "echo far",
      "--log-driver",
      "syslog",
      "--log-opt",
      `syslog-address=udp://127.0.0.1:${server.port}`,
    );
    expect(await got.promise).toMatch(/^<30>[0-9a-f]{12}\[\d+\]: far$/);
    server.close();
    await store.done("rm", "udp");
  });

  test("that take nothing do not hold the container up, and hear of the loss when they take something", async () => {
    const path = store.path("slow.sock");
    const opts = ["--log-driver", "syslog", "--log-opt", `syslog-address=unix://${path}`];
    using listener = new Listener(path);
    const script = "seq 1 20000; until [ -e /more ]; do sleep 0.02; done; echo more";
    await store.done("run", "-d", "--network", "none", "--name", "fast", ...opts, image, "sh", "-c", script);
    // What is in its log has been sent, or was not taken.
    while ((await store.done("logs", "-n", "1", "fast")) !== "20000\n") await Bun.sleep(20);
    const taken = listener.take().length;
    expect(taken).toBeLessThan(20_000);
    await store.done("exec", "fast", "touch", "/more");
    await store.done("wait", "fast");
    // Nothing is missing here.
    expect((await store.done("logs", "fast")).split("\n").length).toBe(20_002);
    const [notice = "", last = ""] = listener.take();
    expect(notice).toMatch(/teu: \d+ bytes of the log were lost: nobody took them$/);
    expect(last).toEndWith(": more");
    await store.done("rm", "fast");
  });

  // Where a journal runs, its socket is its own.
  const withoutJournal = needs(...WANTED, {
    says: "a machine without a journal",
    isMet: () => !existsSync("/run/systemd/journal"),
  });
  withoutJournal(
    "journald gets fields: the container's, the tag, variables that were asked for",
    async () => {
      const folder = "/run/systemd/journal";
      // Its lines went nowhere.
      const lost = await run("lost", "echo said", "--log-driver", "journald");
      expect(lost.status).toBe(125);
      expect(lost.stderr).toStartWith("teu: Cannot log to journald: journald is not enabled on this host\n");
      mkdirSync(folder, { recursive: true });
      try {
        using listener = new Listener(`${folder}/socket`);
        await run(
          "kept",
          "echo said; echo wrong >&2",
          "--log-driver",
          "journald",
          "-e",
          "shop=blue",
          "--log-opt",
          "env=shop",
          "--log-opt",
          "tag=t",
        );
        const { Id } = await inspect("kept");
        const [said = "", wrong = ""] = listener.take().sort().toReversed();
        expect(
          Object.fromEntries(
            said
              .trimEnd()
              .split("\n")
              .map((line) => line.split("=")),
          ),
        ).toEqual({
          PRIORITY: "6",
          SYSLOG_IDENTIFIER: "t",
          CONTAINER_ID: Id.slice(0, 12),
          CONTAINER_ID_FULL: Id,
          CONTAINER_NAME: "kept",
          CONTAINER_TAG: "t",
          IMAGE_NAME: image,
          SHOP: "blue",
          MESSAGE: "said",
        });
        expect(wrong).toStartWith("PRIORITY=3\n");
        await store.done("rm", "kept");
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

describe("what the journal has", () => {
  // One of our own, in a mount namespace of its own.
  const withJournal = needs(...WANTED, ...[program("journalctl"), program("unshare")], {
    says: "systemd-journald",
    isMet: () => existsSync(JOURNALD),
  });
  withJournal(
    "is read: streams, times, parts, what is no text, details, the last lines, and while it is written",
    async () => {
      const script = `
        set -e
        for at in /run/systemd /run/log; do mkdir -p $at; mount -t tmpfs tmpfs $at; done
        mkdir -p /run/log/journal /run/systemd/journal
        ${JOURNALD} >/dev/null 2>&1 & journal=$!
        trap 'kill $journal' EXIT
        until [ -S /run/systemd/journal/socket ]; do sleep 0.02; done
        teu() { ${TEU} "$@"; }
        begin() { name=$1; shift; teu run --network none --log-driver journald --name "$name" "$@"; }
        begin jj -l shop=blue --log-opt labels-regex='^sh' -e AT=x --log-opt env=AT ${image} \\
          sh -c 'echo one; sleep 0.1; echo two >&2; sleep 0.1; head -c 20000 /dev/zero; printf "\\n\\377\\nrest"' >/dev/null 2>&1
        teu logs jj 2>/dev/null | wc -c
        teu logs jj 2>&1 >/dev/null
        teu logs -t --tail 1 --details jj; echo
        teu logs --until 2001-01-01 jj
        begin go -d ${image} sh -c 'echo early; until [ -e /more ]; do sleep 0.05; done; echo late' >/dev/null
        teu logs -f go & logs=$!
        sleep 0.3
        teu exec go touch /more
        wait $logs
        teu rm -f jj go >/dev/null`;
      const env = { TEU_ROOT: join(store.folder, "root"), TEU_RUN: join(store.folder, "run") };
      const { stdout, stderr } = await exec(["unshare", "-m", "sh", "-c", script], { env });
      expect(stderr).toBe("");
      const [bytes, two, last, ...followed] = stdout.trimEnd().split("\n");
      expect(bytes).toBe(`${"one\n".length + 20_001 + 2 + "rest".length}`);
      expect(two).toBe("two");
      expect(last).toMatch(/^\d{4}-\d\d-\d\dT\S+Z AT=x,IMAGE_NAME=\S+,SHOP=blue rest$/);
      expect(followed).toEqual(["early", "late"]);
    },
  );
});

test("--details shows what the options name of labels, variables and the tag", async () => {
  const asked = ["labels=app,none", "env-regex=^SHOP", "tag={{.Name}}"].flatMap((word) => [
    "--log-opt",
    word,
  ]);
  const given = ["-l", "app=my shop", "-l", "other=x", "-e", "SHOP_A=1", "-e", "A=2"];
  await run("told", "echo one; printf two", "--log-driver", "json-file", ...asked, ...given);
  expect(await store.done("logs", "--details", "told")).toBe(
    "SHOP_A=1,app=my+shop,tag=told one\nSHOP_A=1,app=my+shop,tag=told two",
  );
  const lines = readFileSync(
    join(store.folder, "root/containers", (await inspect("told")).Id, "log"),
    "utf8",
  );
  const attrs = { app: "my shop", SHOP_A: "1", tag: "told" };
  const [one, two] = lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(one).toEqual({ log: "one\n", stream: "stdout", attrs, time: expect.stringMatching(/Z$/) });
  expect(two).toEqual({ log: "two", stream: "stdout", attrs, time: expect.stringMatching(/Z$/) });
  await store.done("rm", "told");
  const large = ["--log-opt", "labels=a", "-l", `a=${"x".repeat(9000)}`];
  expect((await run("large", "true", "--log-driver", "json-file", ...large)).stderr).toContain(
    "the labels and variables that it names are 9017 bytes in each line, at most 8192 have room",
  );
  await run("bare", "echo one");
  expect(await store.done("logs", "--details", "bare")).toBe(" one\n");
  await store.done("rm", "bare");
});

/** It went on for ever, though all that comes is later. */
test("logs -f ends at the moment of --until", async () => {
  const script = "echo before; sleep 0.7; echo after; exec sleep 1000";
  await store.done("run", "-d", "--name", "on", "--network", "none", image, "sh", "-c", script);
  expect(await store.done("logs", "-f", "--until", "-300ms", "on")).toBe("before\n");
  expect(await store.done("logs", "-f", "--until", "1h", "on")).toBe("");
  await store.done("rm", "-f", "on");
});

test("sizes: what a container has written, and that with its image", async () => {
  await run("sized", "dd if=/dev/zero of=/fill bs=1k count=100 2>/dev/null; ln /fill /again");
  const [{ SizeRw, SizeRootFs }] = JSON.parse(await store.done("inspect", "-s", "sized"));
  expect(SizeRw).toBe(100 << 10);
  const box = Bun.file(Bun.which("busybox") ?? "").size;
  expect(SizeRootFs - SizeRw).toBeGreaterThan(box);
  expect(SizeRootFs - SizeRw).toBeLessThan(box + 50_000);
  expect(await store.done("ps", "-as")).toMatch(/ SIZE\n.* 102kB \(virtual \d\S*MB\)\n$/s);
  expect(await store.done("ps", "-a", "--format", "{{.Names}} {{.Size}}")).toMatch(
    /^sized 102kB \(virtual .*\)\n$/,
  );
  expect(await store.done("container", "ls", "-a", "--format", "json", "--size")).toContain(
    '"Size":"102kB (virtual',
  );
  expect(await store.done("ps", "-a", "--format", "json")).toContain('"Size":"0B"');
  expect(await inspect("sized")).not.toHaveProperty("SizeRw");
  await store.done("rm", "sized");
});

describe("what is refused", () => {
  test.each([
    [["--log-driver", "x"], "no log driver named 'x' is registered"],
    [["--log-driver", "fluentd"], "Unsupported --log-driver fluentd"],
    [["--log-opt", "x=1"], "unknown log opt 'x' for local log driver"],
    [["--log-driver", "none", "--log-opt", "max-size=1"], "unknown log opt 'max-size' for none log driver"],
    [["--log-opt", "max-size=x"], "invalid size"],
    [["--log-driver", "syslog", "--log-opt", "cache-max-file=0"], "invalid value for cache-max-file"],
    [["--log-driver", "syslog", "--log-opt", "cache-disabled=x"], "invalid value for cache-disabled"],
    [["--log-opt", "mode=often"], "logging mode not supported: often"],
    [["--log-opt", "max-buffer-size=1m"], "only supported with 'mode=non-blocking'"],
    [["--log-driver", "none", "--log-opt", "mode=blocking"], "unknown log opt 'mode' for none log driver"],
    [["--log-driver", "journald", "--log-opt", "env-regex=("], "invalid value for env-regex"],
    [["--log-opt", "max-file=0"], "invalid value for max-file"],
    [
      ["--log-driver", "syslog", "--log-opt", "syslog-address=tcp://a:1"],
      "Unsupported syslog-address tcp://a:1",
    ],
    [["--log-driver", "syslog", "--log-opt", "syslog-address=x"], "should be in form proto://address"],
    [["--log-driver", "syslog", "--log-opt", "syslog-facility=x"], "invalid syslog facility: x"],
    [["--log-driver", "syslog", "--log-opt", "tag={{.Nothing}}"], "invalid tag: {{.Nothing}} is none of"],
  ])("%p", async (flags, says) => {
    const { status, stderr } = await run("refused", "true", ...flags);
    expect(status).toBe(125);
    expect(stderr).toContain(says);
    expect(await store.done("ps", "-aq")).toBe("");
  });
});
