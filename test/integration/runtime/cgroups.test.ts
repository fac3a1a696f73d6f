/** Commands that work on a container's cgroups: events, ps, pause and resume, exec --cgroup, kill. */
import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { cgroupV1, cgroupV2, needs, program, root } from "../../support/needs.ts";
import { changes, withLinux, withProcess, withResources } from "../support/bundle.ts";
import { Container, RUNC, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"));
const testV1 = needs(root, program("busybox"), cgroupV1);
const testV2 = needs(root, program("busybox"), cgroupV2);
const compared = needs(root, program("busybox"), program("runc"));

/** The directory of `controller` for process `pid`; of v2 where it is alone. */
function directoryOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const v1 = lines.find((line) => line.split(":")[1]?.split(",").includes(controller))?.split(":")[2];
  const v2 = lines.find((line) => line.startsWith("0::"))?.slice(3);
  return v1 === undefined ? `/sys/fs/cgroup${v2}` : `/sys/fs/cgroup/${controller}${v1}`;
}

interface Event {
  readonly type: string;
  readonly id: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

function parseEvents(text: string): Event[] {
  return text
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** A process that keeps allocating in a container of 16 MiB until it is killed, with another that stays. */
const HUNGRY = "sleep 1000 & while read x; do tail -c 100000000 /dev/zero >/dev/null; done";

describe(`cgroups of a container of ${TESTED.name}`, () => {
  compared("events --stats has runc's keys", async () => {
    const keys = async (container: Container): Promise<object> => {
      await container
        .configure("exec sleep 1000", withResources({ memory: { limit: 64 << 20 }, pids: { limit: 9 } }))
        .call(["run", "-d", container.id]);
      const { stdout, stderr } = await container.call(["events", "--stats", container.id]);
      expect(stderr).toBe("");
      const [{ type, id, data = {} } = { type: "", id: "" }] = parseEvents(stdout);
      expect({ type, id }).toEqual({ type: "stats", id: container.id });
      const { memory, pids } = data as { memory: { usage: { limit: number } }; pids: { limit: number } };
      // Not how many there are: runc's own threads may not have left yet.
      return { memory: memory.usage.limit, pids: pids.limit, keys: Object.keys(data).sort() };
    };
    await using ours = new Container();
    await using theirs = new Container(RUNC);
    const found = await keys(ours);
    expect(found).toMatchObject({ memory: 64 << 20, pids: 9 });
    expect(found).toEqual(await keys(theirs));
  });

  test("events tells of a kill for want of memory, and ends with the container", async () => {
    await using container = new Container();
    // Lines of a fifo are the signal to allocate: the kernel kills only what asks for too much.
    const change = changes(
      withResources({ memory: { limit: 16 << 20, swap: 16 << 20 } }),
      withProcess({ oomScoreAdj: 0 }),
    );
    container.configure(`mkfifo /tmp/go; ${HUNGRY} <>/tmp/go`, change);
    await container.call(["run", "-d", container.id]);
    const child = Bun.spawn(container.words("events", "--interval", "100ms", container.id), {
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = child.stdout.getReader();
    let text = "";
    const until = async (word: string): Promise<void> => {
      while (!text.includes(word)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`events ended before ${word}: ${text}`);
        text += new TextDecoder().decode(value);
      }
    };
    await until('"stats"');
    writeFileSync(`${container.bundle.rootfs}/tmp/go`, "now\n");
    await until('"oom"');
    expect(parseEvents(text.slice(0, text.lastIndexOf("\n")))).toContainEqual({
      type: "oom",
      id: container.id,
    });
    await container.call(["delete", "--force", container.id]);
    expect(await child.exited).toBe(0);
  });

  test("events of a stopped container, and of no interval, are refused in runc's words", async () => {
    await using container = new Container();
    await container.configure("true").call(["run", "-d", container.id]);
    await container.waitFor("stopped");
    const stopped = await container.call(["events", "--stats", container.id]);
    expect(stopped.status).toBe(1);
    expect(stopped.stderr).toContain(`container with id ${container.id} is not running`);
    const zero = await container.call(["events", "--interval", "0s", container.id]);
    expect(zero.stderr).toContain("duration interval must be greater than 0");
  });

  compared("pause and resume: status, words, and exec meanwhile", async () => {
    const story = async (container: Container): Promise<unknown[]> => {
      await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
      const said: unknown[] = [];
      const call = async (...words: string[]): Promise<void> => {
        const { status, stderr } = await container.call(words);
        said.push(
          words[0],
          status,
          /container not \w+|cannot exec in a \w+ container/.exec(stderr)?.[0] ?? "",
        );
      };
      await call("resume", container.id);
      await call("pause", container.id);
      said.push((await container.state()).status);
      await call("exec", container.id, "true");
      await call("pause", container.id);
      await call("resume", container.id);
      said.push((await container.state()).status);
      await call("exec", container.id, "true");
      return said;
    };
    await using ours = new Container();
    await using theirs = new Container(RUNC);
    const said = await story(ours);
    expect(said).toContain("paused");
    expect(said).toEqual(await story(theirs));
  });

  test("exec --ignore-paused runs when the container goes on", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    await container.call(["pause", container.id]);
    const child = Bun.spawn(container.words("exec", "--ignore-paused", container.id, "echo", "awake"), {
      stdout: "pipe",
      stderr: "inherit",
    });
    await container.call(["resume", container.id]);
    expect(await new Response(child.stdout).text()).toBe("awake\n");
    expect(await child.exited).toBe(0);
  });

  test("delete --force ends a paused container", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    await container.call(["pause", container.id]);
    expect(await container.call(["delete", "--force", container.id])).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("ps shows the container's processes and no others", async () => {
    await using container = new Container();
    await container.configure("sleep 1000 & exec sleep 1001").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    const list = async (): Promise<number[]> =>
      JSON.parse((await container.call(["ps", "--format", "json", container.id])).stdout);
    let json = await list();
    while (json.length < 2) json = await list();
    expect(json).toContain(pid);
    const { stdout } = await container.call(["ps", container.id, "-o", "pid,args"]);
    expect(stdout.trim().split("\n")[0]).toMatch(/PID\s+COMMAND/);
    expect(stdout).toContain("sleep 1001");
    expect(stdout.trim().split("\n")).toHaveLength(1 + json.length);
  });

  testV1(
    "exec --cgroup puts a process below the container's cgroup, in one hierarchy or in all",
    async () => {
      await using container = new Container();
      await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
      const { pid } = await container.state();
      mkdirSync(`${directoryOf(pid, "pids")}/sub`);
      const membership = async (...words: string[]): Promise<string> => {
        const { stdout, stderr } = await container.call([
          "exec",
          ...words,
          container.id,
          "grep",
          "-E",
          ":(pids|memory):",
          "/proc/self/cgroup",
        ]);
        return stdout + stderr;
      };
      const path = directoryOf(pid, "pids").slice("/sys/fs/cgroup/pids".length);
      expect(await membership("--cgroup", "pids:sub")).toContain(`:pids:${path}/sub\n`);
      expect(await membership("--cgroup", "pids:sub")).toMatch(/:memory:.*(?<!sub)\n/);
      expect(await membership("--cgroup", "pids:../..")).toContain("bad sub cgroup path");
      expect(await membership("--cgroup", "missing")).toContain("no such file or directory");
      rmdirSync(`${directoryOf(pid, "pids")}/sub`);
    },
  );

  testV2("exec --cgroup on v2, and where a container has moved its processes below", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    const path = directoryOf(pid, "pids");
    mkdirSync(`${path}/sub`);
    const where = async (...words: string[]): Promise<string> =>
      (await container.call(["exec", ...words, container.id, "cat", "/proc/self/cgroup"])).stdout.trim();
    const own = path.slice("/sys/fs/cgroup".length);
    expect(await where("--cgroup", "sub")).toBe(`0::${own}/sub`);
    expect(await where()).toBe(`0::${own}`);
    writeFileSync(`${path}/sub/cgroup.procs`, String(pid));
    writeFileSync(`${path}/cgroup.subtree_control`, "+memory");
    expect(await where()).toBe(`0::${own}/sub`);
    const { status } = await container.call(["exec", "--cgroup", "/", container.id, "true"]);
    expect(status).toBe(255);
  });

  testV2("a container with a threaded cgroup below its own is shown and deleted", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    const path = directoryOf(pid, "pids");
    mkdirSync(`${path}/threads`);
    writeFileSync(`${path}/threads/cgroup.type`, "threaded");
    writeFileSync(`${path}/threads/cgroup.threads`, String(pid));
    expect((await container.call(["ps", "-f", "json", container.id])).stdout).toBe(`[${pid}]\n`);
    expect(await container.call(["delete", "--force", container.id])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(existsSync(path)).toBe(false);
  });

  test("exec goes to where init is when somebody has moved it and removed the cgroup that it was in", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
    const at = existsSync("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
    const moved = `${own}-moved`;
    mkdirSync(`${at}${moved}`);
    writeFileSync(`${at}${moved}/cgroup.procs`, String(pid));
    rmdirSync(`${at}${own}`);
    const { stdout, stderr } = await container.call(["exec", container.id, "cat", "/proc/self/cgroup"]);
    expect(stdout).toContain(`0::${moved}\n`);
    expect(stderr).toBe("");
    const missing = await container.call(["exec", "--cgroup", "nowhere", container.id, "true"]);
    expect(missing.status).toBe(255);
    expect(missing.stderr).toContain("error adding pid of the process to cgroups nowhere: ");
    await container.call(["delete", "--force", container.id]);
    rmdirSync(`${at}${moved}`);
  });

  test("a cgroup that is in use or frozen is refused in runc's words", async () => {
    await using first = new Container();
    const path = `/teu-test-shared-${process.pid}`;
    const shared = withLinux({ cgroupsPath: path });
    await first.configure("exec sleep 1000", shared).call(["run", "-d", first.id]);
    const { pid } = await first.state();
    await using second = new Container();
    second.configure("true", shared);
    const used = await second.call(["create", second.id]);
    expect(used.status).toBe(1);
    expect(used.stderr).toContain("container's cgroup is not empty: 1 process(es) found");
    expect(existsSync(`/proc/${pid}`)).toBe(true);

    const directory = `${directoryOf(pid, "freezer")}-frozen`;
    mkdirSync(directory);
    const [file, on, off] = existsSync(`${directory}/freezer.state`)
      ? ["freezer.state", "FROZEN", "THAWED"]
      : ["cgroup.freeze", "1", "0"];
    writeFileSync(`${directory}/${file}`, on);
    second.configure("true", withLinux({ cgroupsPath: `${path}-frozen` }));
    const frozen = await second.call(["create", second.id]);
    expect(frozen.stderr).toContain("container's cgroup unexpectedly frozen");
    // One above it, of which the other hierarchies know nothing, stops who enters too.
    second.configure("true", withLinux({ cgroupsPath: `${path}-frozen/a/b` }));
    const below = await second.call(["create", second.id], { timeoutMs: 5000 });
    expect(below.stderr).toContain("container's cgroup unexpectedly frozen");
    writeFileSync(`${directory}/${file}`, off);
    rmdirSync(directory);
  });

  test("--cgroup-manager disabled leaves a container in its creator's cgroups, and gives no limits", async () => {
    const disabled = { ...TESTED, command: [...TESTED.command, "--cgroup-manager", "disabled"] };
    await using container = new Container(disabled);
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toBe(readFileSync("/proc/self/cgroup", "utf8"));
    expect((await container.call(["exec", container.id, "echo", "here"])).stdout).toBe("here\n");
    expect((await container.call(["events", container.id])).stderr).toContain("memory controller missing");
    expect((await container.call(["kill", container.id, "KILL"])).status).toBe(0);
    await container.waitFor("stopped");
    await using limited = new Container(disabled);
    limited.configure("true", withResources({ pids: { limit: 3 } }));
    const { status, stderr } = await limited.call(["create", limited.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("Cannot set linux.resources.pids: the cgroup manager is disabled");
    await using other = new Container({
      ...TESTED,
      command: [...TESTED.command, "--cgroup-manager", "nobody"],
    });
    expect((await other.call(["list"])).stderr).toContain("unknown cgroup manager specified nobody");
  });

  const HOST_PIDS = withLinux({
    namespaces: [{ type: "mount" }, { type: "ipc" }, { type: "uts" }, { type: "network" }],
  });

  test("kill KILL ends what is left of a container that shares the host's PIDs when its init is gone", async () => {
    await using container = new Container();
    await container.configure("sleep 1000", HOST_PIDS).call(["run", "-d", container.id]);
    await container.call(["exec", "-d", container.id, "sleep", "1000"]);
    const { pid } = JSON.parse((await container.call(["state", container.id])).stdout);
    process.kill(pid, "SIGKILL");
    await container.waitFor("stopped");
    const left = async (): Promise<number[]> =>
      JSON.parse((await container.call(["ps", "-f", "json", container.id])).stdout);
    expect(await left()).toHaveLength(1);
    expect((await container.call(["kill", container.id])).stderr).toContain("container not running");
    expect((await container.call(["kill", container.id, "KILL"])).status).toBe(0);
    expect(await left()).toEqual([]);
    const again = await container.call(["kill", container.id, "KILL"]);
    expect(again.stderr).toContain("container not running");
  });

  test("kill ends all processes of a container that shares the host's PIDs", async () => {
    await using container = new Container();
    const change = HOST_PIDS;
    await container.configure("sleep 1000 & sleep 1000 & wait", change).call(["run", "-d", container.id]);
    const pids: number[] = JSON.parse((await container.call(["ps", "-f", "json", container.id])).stdout);
    expect(pids.length).toBeGreaterThan(0);
    await container.call(["kill", container.id, "KILL"]);
    await container.waitFor("stopped");
    expect(JSON.parse((await container.call(["ps", "-f", "json", container.id])).stdout)).toEqual([]);
  });
});
