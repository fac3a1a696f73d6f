/** runc's command line: the same words get the same answer from runc and from us under its name. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acceptWaiting, listenUnix, receiveMessage } from "../../../src/sys/index.ts";
import { type Need, needs, program, root } from "../../support/needs.ts";
import { withResources } from "../support/bundle.ts";
import { Container, type Runtime, TESTED } from "../support/runtime.ts";
import { type Finished, run, TEU } from "../teu.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-command-line-"));
/** Us, under the name by which callers find runc. */
const OURS = join(folder, "runc");
beforeAll(() => symlinkSync(TEU, OURS));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What callers see, without the time, and without the newline that runc quotes at the end of one of its messages. */
function seen({ status, stdout, stderr }: Finished): object {
  return { status, stdout, stderr: stderr.replace(/time="[^"]*" /, "").replace('\\n"', '"') };
}

const same: readonly { readonly says: string; readonly words: string }[] = [
  { says: "an unknown command", words: "fly" },
  { says: "an unknown command that is asked for help", words: "fly -h" },
  { says: "the state of no container", words: "state nobody" },
  { says: "an ID with a slash", words: "start a/b" },
  { says: "an ID of two dots", words: "state .." },
  { says: "killing no container, with no signal either", words: "kill nobody FLY" },
  { says: "deleting no container", words: "delete nobody" },
  { says: "deleting no container by force", words: "delete --force nobody" },
  { says: "exec in no container", words: "exec nobody true" },
  { says: "pausing no container", words: "pause nobody" },
  { says: "resuming no container", words: "resume nobody" },
  { says: "the processes of no container", words: "ps nobody" },
  { says: "an empty list", words: "list" },
  { says: "an empty list as JSON", words: "list -f json" },
  { says: "an empty list of IDs", words: "list -q" },
  { says: "a flag with its value attached", words: "list --format=json" },
  { says: "a flag with Go's one dash", words: "list -format json" },
  { says: "a list in no format", words: "list -f yaml" },
  { says: "a log in no format", words: "--log-format yaml list" },
];

describe("runc and we, called as runc, say the same to", () => {
  needs(root, program("runc")).each([...same])("$says: $words", async ({ words }) => {
    const state = mkdtempSync(join(folder, "state-"));
    const call = ["--root", state, ...words.split(" ")];
    const ours = await run([OURS, ...call]);
    expect(seen(ours)).toEqual(seen(await run(["runc", ...call])));
  });

  const misused = [
    "state",
    "kill a b c",
    "list --fly",
    "create --preserve-fds x a",
    "run --detach=x a",
    "start a b",
    "delete --bundle",
  ];
  needs(root, program("runc")).each(misused)("a misuse, after help: %s", async (words) => {
    const [ours, theirs] = await Promise.all([
      run([OURS, ...words.split(" ")]),
      run(["runc", ...words.split(" ")]),
    ]);
    const firstLine = ({ stdout }: Finished): string | undefined => stdout.split("\n")[0];
    expect(ours.status).toBe(theirs.status);
    expect(firstLine(ours)).toBe(firstLine(theirs) ?? "");
    // runc names itself by the path that it was called by.
    const error = (text: string): string =>
      text
        .replace(/time="[^"]*" /, "")
        .replaceAll(/\S*\brunc:/g, "runc:")
        .replaceAll('"runc:', "runc:");
    expect(error(ours.stderr).replaceAll('msg="', "msg=")).toBe(
      error(theirs.stderr).replaceAll('msg="', "msg="),
    );
  });

  needs(root, program("runc"))(
    "an error that goes to a log: plain to people, one JSON object to the file",
    async () => {
      const logs: string[] = [];
      for (const command of [OURS, "runc"]) {
        const log = join(mkdtempSync(join(folder, "log-")), "log.json");
        const call = ["--root", folder, "--log", log, "--log-format", "json", "state", "nobody"];
        expect(seen(await run([command, ...call]))).toEqual({
          status: 1,
          stdout: "",
          stderr: "container does not exist\n",
        });
        logs.push(readFileSync(log, "utf8").replace(/"time":"[^"]*"/, '"time":""'));
      }
      expect(logs[0]).toBe(logs[1] ?? "");
    },
  );

  needs(root, program("runc"))(
    "spec: the same document, but for its version and ambient capabilities",
    async () => {
      const documents: { ociVersion?: string; process: { capabilities: { ambient?: string[] } } }[] = [];
      for (const command of [OURS, "runc"]) {
        const bundle = mkdtempSync(join(folder, "spec-"));
        expect((await run([command, "spec"], { cwd: bundle })).status).toBe(0);
        const again = await run([command, "spec"], { cwd: bundle });
        expect(again.status).toBe(1);
        expect(again.stderr).toContain("File config.json exists. Remove it first");
        documents.push(JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")));
      }
      const [ours, theirs] = documents;
      delete theirs?.process.capabilities.ambient; // newer runc leaves it out: it could not be raised
      // Later versions mask this path too.
      const text = JSON.stringify({ ...ours, ociVersion: "" });
      expect(text).toBe(JSON.stringify({ ...theirs, ociVersion: "" }));
    },
  );
});

/** Commands in the order of a container's life; ID stands for its ID. */
const life: readonly string[] = [
  "create ID",
  "create ID",
  "state ID",
  "list",
  "list -f json",
  "list -q",
  "exec ID true",
  "delete other",
  "kill ID NOPE",
  "start ID",
  "start ID",
  "state ID",
  "delete ID",
  "exec ID sh -c exit\\ 4",
  "exec ID sh -c kill\\ -9\\ $$",
  "exec ID nosuch",
  "exec ID /bin/nosuch",
  "exec ID /etc/passwd",
  "exec ID pwd -P",
  "exec -cwd /tmp ID pwd",
  "exec -e A=1 -e A=2 ID sh -c echo\\ $A\\ $HOME",
  "exec -u 1000:1000 -g 5 -g 6 ID id",
  "exec --cap CAP_SYS_ADMIN ID grep Cap /proc/self/status",
  "exec --no-new-privs=false ID grep NoNew /proc/self/status",
  "exec -no-new-privs ID grep NoNew /proc/self/status",
  "exec --console-socket /none ID true",
  "exec -d -t ID true",
  "exec -t --console-socket /none ID true",
  "exec -p process.json ID",
  "exec --process process.json ID not this",
  "exec -p nowhere.json ID",
  "exec -d --pid-file pid ID true",
  "exec ID -- echo a",
  "exec -- ID echo a",
  "exec --preserve-fds=0 -tty=false ID echo -n a",
  "pause ID",
  "state ID",
  "exec ID true",
  "delete ID",
  "resume ID",
  "resume ID",
  "kill ID KILL",
  "wait",
  "state ID",
  "kill ID",
  "kill -a ID",
  "exec ID true",
  "start ID",
  "pause ID",
  "events --stats ID",
  "update --pids-limit 3 ID",
  "delete ID",
  "delete ID",
  "delete -f ID",
  "state ID",
  "run --bundle . -d ID",
  "delete --force ID",
];

/** What the container of `runtime` and its caller see of all of them, without what differs by chance. */
async function lifeOf(runtime: Runtime): Promise<string[]> {
  await using container = new Container(runtime);
  container.configure("exec sleep 1000");
  const process = { args: ["sh", "-c", "id; pwd; echo $X"], env: ["PATH=/bin", "X=y"], cwd: "/etc" };
  const user = { uid: 5, gid: 6, additionalGids: [9] };
  writeFileSync(join(container.bundle.path, "process.json"), JSON.stringify({ ...process, user }));
  const told: string[] = [];
  for (const line of life) {
    if (line === "wait") {
      await container.waitFor("stopped");
      continue;
    }
    const words = line
      .split(/(?<!\\) /)
      .map((word) => (word === "ID" ? container.id : word.replaceAll("\\ ", " ")));
    const { status, stdout, stderr } = await container.call(words);
    told.push(`${line}: ${status}\n${stdout}${stderr.replaceAll(/time="[^"]*" /g, "")}`);
  }
  return told.map((text) =>
    text
      .replaceAll(container.id, "ID")
      .replaceAll(container.bundle.path, "BUNDLE")
      .replaceAll(/"?\d{4}-\d\d-\d\dT[\d:.]+Z"?( *)/g, "TIME ")
      .replaceAll(/"pid":( ?)[1-9]\d*/g, '"pid":$1PID')
      .replaceAll(/^(ID +)\d+ +(\w+ +).*?( +TIME)/gm, "$1PID $2$3")
      .replaceAll(/^ID +PID +STATUS.*/gm, "HEADING")
      .replaceAll(/"ociVersion":( ?)"[^"]*"/g, '"ociVersion":$1VERSION')
      .replaceAll(/ +/g, " "),
  );
}

describe("a container's whole life is told the same by runc and by us", () => {
  // A hundred commands, whose words no kernel changes.
  const quick: Need = {
    says: "a machine that is not emulated",
    isMet: () => process.env["VM_GUEST"] === undefined,
  };
  needs(
    root,
    program("runc"),
    program("busybox"),
    quick,
  )("every command's output and status", async () => {
    const [ours, theirs] = await Promise.all([
      lifeOf({ name: "teu", command: [OURS] }),
      lifeOf({ name: "runc", command: ["runc"] }),
    ]);
    expect(ours).toHaveLength(theirs.length);
    expect(ours.filter((text, index) => text !== theirs[index])).toEqual(
      theirs.filter((text, index) => text !== ours[index]),
    );
  });
});

const test = needs(root, program("busybox"));
/** What runc has not. */
const ours: Need = { says: "teu as the tested runtime", isMet: () => TESTED.name === "teu" };

/** Reads the container's pids.max, where the kernel keeps it. */
async function pidsLimitOf(container: Container): Promise<() => string> {
  const { pid } = await container.state();
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const own = (name: string): string | undefined =>
    lines.find((line) => line.split(":")[1] === name)?.replace(/^\d+:[^:]*:/, "");
  const v1 = own("pids");
  const folder = v1 === undefined ? `/sys/fs/cgroup${own("")}` : `/sys/fs/cgroup/pids${v1}`;
  return () => readFileSync(join(folder, "pids.max"), "utf8").trim();
}

describe(`the command line of ${TESTED.name}`, () => {
  test("run ends as the program does: by itself, or by a signal that we were sent", async () => {
    await using own = new Container();
    expect((await own.configure("exit 42").run()).status).toBe(42);
    // A PID 1 is deaf to its own signals: this one comes from outside.
    await using killed = new Container();
    killed.configure("echo ready; exec sleep 1000");
    const victim = Bun.spawn(killed.words("run", killed.id), {
      cwd: killed.bundle.path,
      stdout: "pipe",
      stderr: "pipe",
    });
    for await (const chunk of victim.stdout) if (chunk.length > 0) break;
    await killed.call(["kill", killed.id, "KILL"]);
    expect(await victim.exited).toBe(137);
    await using asked = new Container();
    asked.configure("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    const child = Bun.spawn(asked.words("run", asked.id), {
      cwd: asked.bundle.path,
      stdout: "pipe",
      stderr: "pipe",
    });
    for await (const chunk of child.stdout) if (new TextDecoder().decode(chunk).includes("ready")) break;
    child.kill("SIGTERM");
    expect(await child.exited).toBe(7);
    expect((await asked.call(["list", "-q"])).stdout).toBe("");
  });

  test("run --keep leaves the container, stopped", async () => {
    await using container = new Container();
    expect((await container.configure("exit 3").call(["run", "--keep", container.id])).status).toBe(3);
    expect(await container.state()).toMatchObject({ status: "stopped", pid: 0 });
    expect((await container.call(["kill", container.id])).stderr).toContain("container not running");
    expect((await container.call(["kill", "--all", container.id, "KILL"])).status).toBe(0);
    expect((await container.call(["start", container.id])).stderr).toContain(
      "cannot start a container that has stopped",
    );
    expect((await container.call(["exec", container.id, "true"])).status).toBe(255);
  });

  test("pause stops every process, resume lets them go on, and neither is done twice", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    expect((await container.call(["resume", container.id])).stderr).toContain("container not paused");
    expect((await container.call(["pause", container.id])).status).toBe(0);
    expect((await container.state()).status).toBe("paused");
    expect((await container.call(["pause", container.id])).status).toBe(1);
    expect((await container.call(["exec", container.id, "true"])).stderr).toContain(
      "cannot exec in a paused container (use --ignore-paused to override)",
    );
    expect((await container.call(["delete", container.id])).stderr).toContain("that is not stopped: paused");
    expect((await container.call(["resume", container.id])).status).toBe(0);
    expect((await container.state()).status).toBe("running");
  });

  test("a paused container can be killed, and deleted by force", async () => {
    await using killed = new Container();
    await killed.configure("exec sleep 1000").call(["run", "-d", killed.id]);
    await killed.call(["pause", killed.id]);
    expect((await killed.call(["kill", killed.id, "KILL"])).status).toBe(0);
    await killed.waitFor("stopped");
    await using deleted = new Container();
    await deleted.configure("exec sleep 1000").call(["run", "-d", deleted.id]);
    await deleted.call(["pause", deleted.id]);
    expect((await deleted.call(["delete", "--force", deleted.id])).status).toBe(0);
  });

  test("update changes limits by flags, by a file and by standard input", async () => {
    await using container = new Container();
    container.configure(
      "exec sleep 1000",
      withResources({ pids: { limit: 50 }, memory: { limit: 64 << 20 } }),
    );
    await container.call(["run", "-d", container.id]);
    const limit = await pidsLimitOf(container);
    expect(limit()).toBe("50");
    expect(
      (await container.call(["update", "--pids-limit", "60", "--memory", "128m", container.id])).status,
    ).toBe(0);
    expect(limit()).toBe("60");
    const file = join(container.bundle.path, "resources.json");
    writeFileSync(file, JSON.stringify({ pids: { limit: 70 } }));
    expect((await container.call(["update", "--resources", file, container.id])).status).toBe(0);
    expect(limit()).toBe("70");
    const input = JSON.stringify({ pids: { limit: -1 } });
    expect((await container.call(["update", "-r", "-", container.id], { stdin: input })).status).toBe(0);
    expect(limit()).toBe("max");
    const wrong = await container.call(["update", "--memory", "much", container.id]);
    expect(wrong).toMatchObject({ status: 1, stdout: "" });
    expect(wrong.stderr).toContain("invalid value for memory");
  });

  test("ps shows the container's processes and no others", async () => {
    await using container = new Container();
    await container.configure("sleep 1001 & exec sleep 1000").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    const pids: number[] = JSON.parse((await container.call(["ps", "-f", "json", container.id])).stdout);
    expect(pids).toContain(pid);
    expect(pids).toHaveLength(2);
    const table = (await container.call(["ps", container.id, "-o", "pid,args"])).stdout;
    expect(table.split("\n").filter((line) => line.includes("sleep 100"))).toHaveLength(2);
    expect(table).toMatch(/^ *PID /);
  });

  test("delete removes the directory that an interrupted create left, and says that there is no container", async () => {
    await using container = new Container();
    mkdirSync(join(container.stateFolder, container.id));
    expect((await container.call(["delete", container.id])).stderr).toContain("container does not exist");
    expect(existsSync(join(container.stateFolder, container.id))).toBe(false);
  });

  needs(
    root,
    program("busybox"),
    ours,
  )("--pidfd-socket is sent a descriptor of the process, of create's and of exec's", async () => {
    await using container = new Container();
    const path = join(container.bundle.path, "pidfd");
    const listener = listenUnix(path);
    /** The payload, and the pid that the descriptor is of. */
    const received = (): readonly [string, number] => {
      const connection = acceptWaiting(listener);
      if (connection === undefined) throw new Error("nobody connected");
      const payload = new Uint8Array(new ArrayBuffer(64));
      const { length, descriptors } = receiveMessage(connection, payload);
      const [, pid] =
        /^Pid:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptors[0]}`, "utf8")) ?? [];
      for (const descriptor of [...descriptors, connection]) closeSync(descriptor);
      return [Buffer.from(payload.subarray(0, length)).toString(), Number(pid)];
    };
    try {
      container.configure("exec sleep 1000");
      expect((await container.call(["create", "--pidfd-socket", path, container.id])).status).toBe(0);
      expect(received()).toEqual(["standard", (await container.state()).pid]);
      await container.call(["start", container.id]);
      const file = join(container.bundle.path, "pid");
      const exec = ["exec", "-d", "--pid-file", file, "--pidfd-socket", path, container.id, "sleep", "1000"];
      expect((await container.call(exec)).status).toBe(0);
      expect(received()).toEqual(["setns", Number(readFileSync(file, "utf8"))]);
    } finally {
      closeSync(listener);
    }
  });

  test("exec --preserve-fds hands on the caller's descriptors, and no others", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const script = "cat <&3; cat <&4 2>/dev/null || echo none";
    const words = container.words("exec", "--preserve-fds", "1", container.id, "sh", "-c", script);
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const { stdout } = Bun.spawnSync(["sh", "-c", `exec ${quoted} 3<<A 4<<B\nthree\nA\nfour\nB\n`]);
    expect(stdout.toString()).toBe("three\nnone\n");
  });

  needs(
    root,
    program("busybox"),
    ours,
  )("check tells everything that is wrong with a bundle at once", async () => {
    await using container = new Container();
    container.configure("true");
    expect(await container.call(["check", container.bundle.path])).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    container.configure("true", (config) => ({
      ...config,
      hostname: "box",
      process: { user: { uid: 0, gid: 0 }, args: [], cwd: "relative" },
      root: { path: "nowhere" },
      linux: { namespaces: [{ type: "mount" }], netDevices: { eth0: {} } },
    }));
    const { status, stdout } = await container.call(["check", "--json", container.bundle.path]);
    expect(status).toBe(1);
    const fields = (JSON.parse(stdout) as { field: string }[]).map(({ field }) => field);
    for (const field of ["process.args", "process.cwd", "hostname", "root.path", "linux.netDevices"])
      expect(fields).toContain(field);
    const lines = (await container.call(["check", container.bundle.path])).stdout;
    expect(lines).toContain("process.cwd: Cwd must be an absolute path\n");
    writeFileSync(join(container.bundle.path, "config.json"), '{ "process": { "cwd": 1 } }');
    const unread = await container.call(["check", container.bundle.path]);
    expect(unread.stdout.split("\n")).toContain("process.cwd: found number, wants string");
    expect(existsSync(join(container.stateFolder, container.id))).toBe(false);
  });

  needs(
    root,
    program("busybox"),
    ours,
  )("plan tells its steps as JSON, and what another bundle changes", async () => {
    await using container = new Container();
    await using other = new Container();
    container.configure("true");
    const steps: { field: string; clause: string; record?: number; text: string }[] = JSON.parse(
      (await container.call(["plan", "--json"])).stdout,
    );
    expect(
      steps.some(({ field, text }) => field === "hostname" && text.startsWith('sethostname("box"')),
    ).toBe(true);
    expect(steps.every(({ clause, text }) => clause !== "" && text !== "")).toBe(true);
    const printed = (await container.call(["plan"])).stdout;
    for (const { text } of steps) expect(printed).toContain(text);

    expect((await container.call(["plan", "--diff", container.bundle.path])).stdout).toBe("");
    other.configure("true", (config) => ({ ...config, hostname: "other" }));
    const changes = (await container.call(["plan", "--diff", other.bundle.path])).stdout.split("\n");
    // The bundle's own path, and the name.
    expect(changes.filter((line) => /^[-+] sethostname/.test(line))).toEqual([
      '- sethostname("box", 3)',
      '+ sethostname("other", 5)',
    ]);
    expect(changes.filter((line) => /^[-+] /.test(line))).toHaveLength(4);
  });

  needs(
    root,
    program("busybox"),
    ours,
  )("explain tells what each field comes to, and what is left open", async () => {
    await using container = new Container();
    container.configure("true", withResources({ pids: { limit: 7 } }));
    const { stdout } = await container.call(["explain"]);
    expect(stdout).toMatch(/^hostname +config\.md, Hostname and Domainname\n {4}sethostname$/m);
    expect(stdout).toMatch(/^ {4}-> {2}clone3 with new namespaces: .*pid/m);
    expect(stdout).toMatch(/^linux\.resources\.pids\.limit .*\n {4}-> {2}write "7" to .*\/pids\.max$/m);
    const open = stdout.slice(stdout.indexOf("\nnot asked for\n"));
    expect(open).toMatch(/^ {4}linux\.seccomp +it may make every system call$/m);
    expect(open).not.toContain("linux.resources.pids.limit");

    const one = JSON.parse((await container.call(["explain", "--json", "mounts[0]"])).stdout);
    expect(one.fields.map(({ field }: { field: string }) => field)).toEqual(["mounts[0] /proc"]);
    expect(one.steps.map(({ call }: { call?: string }) => call)).toContain("move_mount");
    const none = await container.call(["explain", "mounts[99]"]);
    expect([none.status, none.stdout]).toEqual([1, ""]);
    expect(none.stderr).toContain('Nothing comes of "mounts[99]" in the bundle');
    expect(existsSync(join(container.stateFolder, container.id))).toBe(false);
  });

  needs(
    root,
    program("busybox"),
    ours,
  )("checkpoint and restore take the flags that go-runc gives them, with one dash or two", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["create", container.id]);
    const checkpoint = [
      "checkpoint",
      "--image-path",
      "x",
      "--tcp-established",
      "--leave-running",
      "--file-locks",
    ];
    expect((await container.call([...checkpoint, container.id])).stderr).toBe(
      "teu runtime: Container cannot be checkpointed in created state\n",
    );
    const { path } = container.bundle;
    const restore = ["restore", "-bundle", path, "-image-path", "x", "-detach", "-no-subreaper", "other"];
    expect((await container.call(restore)).stderr).toBe(
      `teu runtime: restore failed: Cannot restore from ${path}/x: there is no such directory\n`,
    );
    expect((await container.call(["checkpoint", "nobody"])).stderr).toContain("container does not exist");
  });

  needs(
    root,
    program("busybox"),
    ours,
  )("crun's --config names another document of the bundle", async () => {
    await using container = new Container();
    container.configure("echo other");
    renameSync(join(container.bundle.path, "config.json"), join(container.bundle.path, "other.json"));
    container.configure("echo usual");
    const { status, stdout } = await container.call(["run", "--config", "other.json", container.id]);
    expect([status, stdout]).toEqual([0, "other\n"]);
  });

  test("annotations come back in the state", async () => {
    await using container = new Container();
    container.configure("exec sleep 1000", (config) => ({ ...config, annotations: { "a.b": "c" } }));
    await container.call(["create", container.id]);
    expect(await container.state()).toMatchObject({ annotations: { "a.b": "c" } });
  });

  test("what create was given counts, not what became of config.json", async () => {
    await using container = new Container();
    await container.configure("echo first").call(["create", container.id]);
    container.configure("echo second");
    await container.call(["start", container.id]);
    await container.waitFor("stopped");
    expect(container.outputOf(1)).toBe("first\n");
  });
});
