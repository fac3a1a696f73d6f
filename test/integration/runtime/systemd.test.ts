/** The systemd cgroup driver: containers as scopes, with the properties that runc gives them. */
import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { criu, needs, program, root, systemd } from "../../support/needs.ts";
import { type Change, changes, withLinux, withNewNamespace, withResources } from "../support/bundle.ts";
import { oneID, rootless, UserContainer } from "../support/rootless.ts";
import { type CallOptions, Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";
import { UserSystemd } from "../support/user-systemd.ts";
import type { Finished } from "../teu.ts";

const test = needs(root, program("busybox"), systemd);
const compared = needs(root, program("busybox"), program("runc"), systemd);
const checkpointed = needs(root, program("busybox"), systemd, criu());
const without = needs(root, program("busybox"), {
  says: "a machine without systemd",
  isMet: () => !systemd.isMet(),
});

/** A container under the driver. Its unit is named by its ID. */
class Scope extends Container {
  constructor(runtime: Runtime = TESTED) {
    super({ ...runtime, command: [...runtime.command, "--systemd-cgroup"] });
  }

  get unit(): string {
    return `test-${this.id}.scope`;
  }

  override configure(script: string, change: Change = (config) => config): this {
    return super.configure(
      script,
      changes(withLinux({ cgroupsPath: `teu-test.slice:test:${this.id}` }), change),
    );
  }

  /** Properties as systemd tells them. */
  show(...properties: string[]): Record<string, string> {
    const { stdout } = Bun.spawnSync(["systemctl", "show", this.unit, `--property=${properties.join(",")}`]);
    const pairs = stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
    return Object.fromEntries(pairs.sort());
  }
}

const PROPERTIES =
  "Slice Delegate DefaultDependencies MemoryAccounting CPUAccounting IOAccounting TasksAccounting MemoryMax MemoryLow MemorySwapMax CPUQuotaPerSecUSec CPUQuotaPeriodUSec TasksMax AllowedCPUs AllowedMemoryNodes DevicePolicy ActiveState Transient CollectMode TimeoutStopUSec".split(
    " ",
  );
const LIMITS = withResources({
  memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20 },
  cpu: { quota: 12_500, period: 50_000, cpus: "0", mems: "0" },
  pids: { limit: 25 },
});
const ANNOTATED: Change = (config) => ({
  ...config,
  annotations: {
    "org.systemd.property.TimeoutStopSec": "77",
    "org.systemd.property.CollectMode": "'inactive-or-failed'",
  },
});

describe(`a container of ${TESTED.name} as a unit of systemd`, () => {
  compared("has the properties and files that runc gives it, after create and after update", async () => {
    const story = async (container: Scope): Promise<object[]> => {
      await container.configure("true", changes(LIMITS, ANNOTATED)).call(["create", container.id]);
      const { pid } = await container.state();
      const path = `/sys/fs/cgroup${/^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1]}`;
      expect(path).toBe(`/sys/fs/cgroup/teu.slice/teu-test.slice/${container.unit}`);
      const files = (): Record<string, string> =>
        Object.fromEntries(
          [
            "memory.max",
            "memory.low",
            "memory.swap.max",
            "cpu.max",
            "pids.max",
            "cpuset.cpus",
            "cgroup.procs",
          ].map((file) => [file, readFileSync(`${path}/${file}`, "utf8").trim().replace(String(pid), "PID")]),
        );
      const told = [{ ...container.show(...PROPERTIES), ...files() }];
      const words = ["--memory", "80M", "--memory-swap", "100M", "--pids-limit", "9", "--cpu-quota", "20000"];
      const updated = await container.call(["update", ...words, "--cpuset-cpus", "0-1", container.id]);
      expect(updated.stderr).toBe("");
      return [...told, { ...container.show(...PROPERTIES), ...files() }];
    };
    await using ours = new Scope();
    await using theirs = new Scope(RUNC);
    const [created, updated] = await story(ours);
    expect(created).toMatchObject({
      TasksMax: "25",
      "pids.max": "25",
      "cgroup.procs": "PID",
      Delegate: "yes",
    });
    expect(updated).toMatchObject({ TasksMax: "9", "pids.max": "9", MemoryMax: String(80 << 20) });
    expect([created, updated]).toEqual((await story(theirs)) as [object, object]);
  });

  test("run, exec and delete: everything is in the scope, and the scope goes", async () => {
    await using container = new Scope();
    container.configure("exec sleep 1000", withNewNamespace("cgroup"));
    expect(await container.call(["run", "-d", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
    const { pid } = await container.state();
    const both = ["cat", "/proc/1/cgroup", "/proc/self/cgroup"];
    expect((await container.call(["exec", container.id, ...both])).stdout).toBe("0::/\n0::/\n");
    expect(container.show("ActiveState")).toEqual({ ActiveState: "active" });
    expect(await container.call(["delete", "--force", container.id])).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(container.show("ActiveState", "LoadState")).toEqual({
      ActiveState: "inactive",
      LoadState: "not-found",
    });
  });

  test("one process is enough where one is allowed, and a foreground run leaves no unit", async () => {
    await using container = new Scope();
    container.configure(
      "exec cat /sys/fs/cgroup/pids.max",
      changes(withNewNamespace("cgroup"), withResources({ pids: { limit: 1 } })),
    );
    expect(await container.run()).toEqual({ status: 0, stdout: "1\n", stderr: "" });
    expect(container.show("LoadState")).toEqual({ LoadState: "not-found" });
  });

  test("devices stay refused when systemd applies its rules again", async () => {
    await using container = new Scope();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const { pid } = await container.state();
    Bun.spawnSync(["systemctl", "daemon-reload"]);
    const { stdout } = await container.call([
      "exec",
      container.id,
      "sh",
      "-c",
      "head -c1 /dev/zero | wc -c; mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg",
    ]);
    expect(stdout).toBe("1\n");
    expect(existsSync(`/proc/${pid}`)).toBe(true);
  });

  test("what fails leaves no unit", async () => {
    await using container = new Scope();
    const { status, stderr } = await container
      .configure("true", withResources({ unified: { "nonsense.max": "1" } }))
      .call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain('controller "nonsense" not available');
    expect(container.show("LoadState")).toEqual({ LoadState: "not-found" });
  });

  checkpointed("a checkpoint ends the unit, and a restore makes it again, with its limits", async () => {
    await using container = new Scope();
    const script = "i=0; while :; do i=$((i+1)); echo $i >/tmp/new; mv /tmp/new /tmp/count; sleep 0.02; done";
    container.configure(`exec </dev/null >/dev/null 2>&1; ${script}`, LIMITS);
    const file = join(container.bundle.rootfs, "tmp/count");
    const count = (): number => (existsSync(file) ? Number(readFileSync(file, "utf8")) : 0);
    const images = join(container.bundle.path, "images");
    expect((await container.call(["run", "-d", container.id])).stderr).toBe("");
    while (count() < 3) await Bun.sleep(20);
    const before = container.show("ActiveState", "TasksMax", "MemoryMax", "Slice");
    const saved = await container.call(["checkpoint", "--image-path", images, container.id]);
    expect([saved.status, saved.stderr]).toEqual([0, ""]);
    expect(container.show("ActiveState")).toEqual({ ActiveState: "inactive" });
    const reached = count();

    const words = ["restore", "-d", "--image-path", images, container.id];
    expect((await container.call(words)).stderr).toBe("");
    expect(container.show("ActiveState", "TasksMax", "MemoryMax", "Slice")).toEqual(before);
    const { pid } = await container.state();
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(container.unit);
    while (count() < reached + 3) await Bun.sleep(20);
    expect(count()).toBeLessThan(reached + 1000);
    expect((await container.call(["delete", "--force", container.id])).status).toBe(0);
    expect(container.show("ActiveState")).toEqual({ ActiveState: "inactive" });
  });

  test("a unit of the same name is told of", async () => {
    await using first = new Scope();
    await first.configure("exec sleep 1000").call(["run", "-d", first.id]);
    await using second = new Scope();
    second.configure("true", withLinux({ cgroupsPath: `teu-test.slice:test:${first.id}` }));
    const { status, stderr } = await second.call(["create", second.id]);
    expect(status).toBe(1);
    expect(stderr).toContain(`unable to start unit "${first.unit}"`);
    expect(first.show("ActiveState")).toEqual({ ActiveState: "active" });
  });

  test.each([
    ["/not/a/unit", 'expected cgroupsPath to be of format "slice:prefix:name"'],
    ["a--b.slice:p:x", "invalid slice name: a--b.slice"],
  ])("cgroupsPath %s is refused", async (cgroupsPath, words) => {
    await using container = new Scope();
    container.configure("true", withLinux({ cgroupsPath }));
    expect((await container.call(["create", container.id])).stderr).toContain(words);
  });

  test("an annotation that reaches beyond the unit is refused (CVE-2024-3154)", async () => {
    await using container = new Scope();
    container.configure("true", (config) => ({
      ...config,
      annotations: { "org.systemd.property.SuccessAction": "'poweroff-force'" },
    }));
    const { status, stderr } = await container.call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("the property is not one of those that concern the unit alone");
  });

  without("without systemd the driver is refused in runc's words", async () => {
    await using container = new Scope();
    const { status, stderr } = await container.configure("true").call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("systemd not running on this host, cannot use systemd cgroups manager");
  });
});

/** A container of the user, under their systemd. */
class UserScope extends UserContainer {
  readonly #systemd: UserSystemd;

  constructor(runtime: Runtime, theirs: UserSystemd) {
    super({ name: runtime.name, command: [...runtime.command, "--systemd-cgroup"] }, () => theirs.prefix);
    this.#systemd = theirs;
  }

  override call(words: readonly string[], options: CallOptions = {}): Promise<Finished> {
    return super.call(words, { ...options, env: { XDG_RUNTIME_DIR: this.#systemd.runtime, ...options.env } });
  }
}

describe(`a plain user's container of ${TESTED.name} as a unit of their own systemd`, () => {
  const ours = TESTED.name === "teu" ? test : test.skip;
  const limited = changes(
    rootless(oneID),
    withNewNamespace("cgroup"),
    withResources({ pids: { limit: 20 }, memory: { limit: 67_108_864 } }),
  );

  ours("is a scope below it, with its limits, and goes", async () => {
    await using theirs = await UserSystemd.start();
    await using container = new UserScope(TESTED, theirs);
    container.configure("exec sleep 1000", limited);
    expect((await container.call(["run", "-d", container.id])).stderr).toBe("");
    const { pid } = await container.state();
    const path = `${theirs.cgroup}/user.slice/teu-${container.id}.scope`;
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toBe(`0::${path}\n`);
    const read = (file: string): string => readFileSync(`/sys/fs/cgroup${path}/${file}`, "utf8").trim();
    expect([read("pids.max"), read("memory.max"), read("cgroup.procs")]).toEqual([
      "20",
      "67108864",
      String(pid),
    ]);
    const exec = await container.call(["exec", container.id, "cat", "/proc/self/cgroup"]);
    expect(exec).toEqual({ status: 0, stdout: "0::/\n", stderr: "" });
    const updated = await container.call(["update", "--pids-limit", "9", container.id]);
    expect(updated).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(read("pids.max")).toBe("9");
    const deleted = await container.call(["delete", "--force", container.id]);
    expect(deleted).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(existsSync(`/sys/fs/cgroup${path}`)).toBe(false);
  });

  ours("without one it says where it looked", async () => {
    await using container = new UserContainer({
      name: TESTED.name,
      command: [...TESTED.command, "--systemd-cgroup"],
    });
    const env = { XDG_RUNTIME_DIR: "/nowhere" };
    const { status, stderr } = await container
      .configure("true", limited)
      .call(["run", container.id], { env });
    expect(status).toBe(1);
    expect(stderr).toContain("there is no socket /nowhere/bus, /nowhere/systemd/private");
  });
});
