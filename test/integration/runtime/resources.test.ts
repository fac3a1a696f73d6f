/**
 * Limits as the kernel then has them, for both versions of cgroups: `linux.resources` of config.json at create and those
 * of `update`, file by file the same as runc's.
 */
import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cgroupV1, cgroupV2, needs, program, root } from "../../support/needs.ts";
import {
  changes,
  withLinux,
  withMounts,
  withNewNamespace,
  withResources,
  withUserNamespace,
} from "../support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"));
const testV1 = needs(root, program("busybox"), cgroupV1);
const testV2 = needs(root, program("busybox"), cgroupV2);
const withoutResctrl = needs(root, program("busybox"), {
  says: "a kernel without resctrl",
  isMet: () => !readFileSync("/proc/self/mountinfo", "utf8").includes(" - resctrl "),
});
const compared = needs(root, program("busybox"), program("runc"));

/** What cgroup files of process `pid` hold, those that this machine has. */
function readFiles(pid: number, files: readonly string[]): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const directory = (controller: string): string => {
    const line = lines.find((text) => text.split(":")[1]?.split(",").includes(controller));
    if (line !== undefined) return `/sys/fs/cgroup/${controller}${line.split(":")[2]}`;
    const unified = existsSync("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
    return `${unified}${lines.find((text) => text.startsWith("0::"))?.slice(3)}`;
  };
  return Object.fromEntries(
    files
      .map((file) => [file, `${directory(file.slice(0, file.indexOf(".")))}/${file}`] as const)
      .filter(([, path]) => existsSync(path))
      // Lines are a set: of devices, of their limits.
      .map(([file, path]) => [file, readFileSync(path, "utf8").trim().split("\n").sort().join("\n")]),
  );
}

const CGROUP_MOUNT = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" };

const FILES = [
  ..."memory.limit_in_bytes memory.memsw.limit_in_bytes memory.soft_limit_in_bytes memory.swappiness memory.oom_control".split(
    " ",
  ),
  ..."cpu.shares cpu.cfs_quota_us cpu.cfs_period_us cpu.cfs_burst_us cpu.idle cpuset.cpus cpuset.mems pids.max".split(
    " ",
  ),
  ..."blkio.bfq.weight blkio.throttle.read_bps_device devices.list".split(" "),
  ..."memory.max memory.low memory.high memory.swap.max cpu.max cpu.max.burst io.max io.bfq.weight io.weight".split(
    " ",
  ),
];

/** What a container of `runtime` has after create and the updates. */
async function filesOf(
  runtime: Runtime,
  resources: Parameters<typeof withResources>[0],
  updates: readonly (readonly string[])[],
): Promise<Record<string, string>[]> {
  await using container = new Container(runtime);
  const created = await container.configure("true", withResources(resources)).call(["create", container.id]);
  expect(created).toEqual({ status: 0, stdout: "", stderr: "" });
  const { pid } = await container.state();
  const all = [readFiles(pid, FILES)];
  for (const words of updates) {
    const updated = await container.call(["update", ...words, container.id]);
    expect(updated.stderr).toBe("");
    all.push(readFiles(pid, FILES));
  }
  return all;
}

describe(`resources of a container of ${TESTED.name}`, () => {
  compared("all that this kernel takes, then changed by update, up and down", async () => {
    const resources = {
      memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20, swappiness: 20 },
      cpu: { quota: 50_000, period: 100_000, cpus: "0", mems: "0" },
      pids: { limit: 25 },
    };
    const updates = [
      ["--memory", "256M", "--memory-swap", "300M", "--memory-reservation", "100M"],
      ["--memory", "40M", "--memory-swap", "50M"],
      ["--memory", "45M"],
      ["--cpu-period", "200000", "--cpu-quota", "60000"],
      ["--cpu-quota", "-1"],
      ["--cpuset-cpus", "0-1"],
      ["--pids-limit", "-1"],
      ["--blkio-weight", "300"],
      ["--cpu-share", "600"],
      ["--memory", "-1"],
    ];
    const [created = {}, ...updated] = await filesOf(TESTED, resources, updates);
    expect(created["pids.max"]).toBe("25");
    expect(created["memory.limit_in_bytes"] ?? created["memory.max"]).toBe(String(64 << 20));
    expect(updated.at(-1)?.["pids.max"]).toBe("max");
    expect([created, ...updated]).toEqual(await filesOf(RUNC, resources, updates));
  });

  compared("resources of update from a file, devices not touched", async () => {
    const update = async (runtime: Runtime): Promise<object> => {
      await using container = new Container(runtime);
      await container.configure("true").call(["create", container.id]);
      const { pid } = await container.state();
      const before = readFiles(pid, ["devices.list"]);
      const stdin = JSON.stringify({
        pids: { limit: 7 },
        memory: { limit: 50 << 20 },
        devices: [{ allow: true, access: "rwm" }],
      });
      const { status, stderr } = await container.call(["update", "-r", "-", container.id], { stdin });
      expect(readFiles(pid, ["devices.list"])).toEqual(before);
      return { status, stderr, files: readFiles(pid, FILES) };
    };
    const ours = await update(TESTED);
    expect(ours).toMatchObject({ status: 0, files: { "pids.max": "7" } });
    expect(ours).toEqual(await update(RUNC));
  });

  test("huge pages, where a hierarchy has their controller", async () => {
    await using container = new Container();
    const limits = withResources({ hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }] });
    const { stderr } = await container.configure("true", limits).call(["create", container.id]);
    if (/no cgroup hierarchy has the controller hugetlb|controller "hugetlb" not available/.test(stderr))
      return;
    expect(stderr).toBe("");
    const { pid } = await container.state();
    const found = readFiles(pid, ["hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"]);
    expect(new Set(Object.values(found))).toEqual(new Set([String(4 << 20)]));
  });

  test("a limit that does not fit names field, file and errno, and nothing is left", async () => {
    await using container = new Container();
    const { status, stderr } = await container
      .configure("true", withResources({ cpu: { cpus: "4095" } }))
      .call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /Cannot set linux\.resources\.cpu\.cpus: writing "4095" to \/sys\/.*cpuset\.cpus: \w+/,
    );
  });

  test("a memory limit below what is in use is refused, with the usage; v2 if asked to look before", async () => {
    await using container = new Container();
    // The shell holds what it has read, and sleep is not its last command, or it would become that.
    const hungry = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo full >/tmp/full; sleep 1000; true";
    const change = withResources({ memory: { limit: 128 << 20, swap: 128 << 20 } });
    await container.configure(hungry, change).call(["run", "-d", container.id]);
    while (!existsSync(`${container.bundle.rootfs}/tmp/full`)) await Bun.sleep(20);
    const stdin = JSON.stringify({ memory: { limit: 4 << 20, checkBeforeUpdate: true } });
    const { status, stderr } = await container.call(["update", "-r", "-", container.id], { stdin });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      cgroupV2.isMet()
        ? /rejecting memory limit 4194304 <= usage \d{8,}/
        : /linux\.resources\.memory\.limit.*EBUSY: unable to set memory limit to 4194304 \(current usage: \d{8,}, peak usage: \d{8,}\)/,
    );
  });

  test("a limit in which not even init fits says that memory is too low", async () => {
    await using container = new Container();
    const { status, stderr } = await container
      .configure("true", withResources({ memory: { limit: 4096 } }))
      .call(["create", container.id]);
    expect(status).toBe(1);
    // v1 refuses the limit, if init is there first.
    expect(stderr).toMatch(
      /unable to start container process: container init was OOM-killed \(memory limit too low\?\)|unable to set memory limit to 4096/,
    );
  });

  test("an idle container, and one that is none any more", async () => {
    await using container = new Container();
    await container.configure("true", withResources({ cpu: { idle: 1 } })).call(["create", container.id]);
    const { pid } = await container.state();
    expect(readFiles(pid, ["cpu.idle"])).toEqual({ "cpu.idle": "1" });
    expect((await container.call(["update", "--cpu-idle", "0", container.id])).stderr).toBe("");
    expect(readFiles(pid, ["cpu.idle"])).toEqual({ "cpu.idle": "0" });
  });

  withoutResctrl("a class of service is refused before anything is made", async () => {
    await using container = new Container();
    const { status, stderr } = await container
      .configure("true", withLinux({ intelRdt: { closID: "guaranteed" } }))
      .call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("linux.intelRdt: specified in config, but Intel RDT is not enabled");
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  testV1("unified is refused in runc's words", async () => {
    await using container = new Container();
    const { status, stderr } = await container
      .configure("true", withResources({ unified: { "memory.high": "1" } }))
      .call(["create", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("cannot use unified on cgroup v1");
  });

  testV2("unified values are written as they are, a missing controller is told", async () => {
    await using container = new Container();
    const unified = { "memory.high": "50331648", "pids.max": "max", "cpu.weight": "42" };
    await container.configure("true", withResources({ unified })).call(["create", container.id]);
    const { pid } = await container.state();
    expect(readFiles(pid, Object.keys(unified))).toEqual(unified);
    await using other = new Container();
    const { status, stderr } = await other
      .configure("true", withResources({ unified: { "nonsense.max": "1" } }))
      .call(["create", other.id]);
    expect(status).toBe(1);
    expect(stderr).toContain('controller "nonsense" not available');
  });

  testV2("shares become a weight by the curve through 1, 100 and 10000", async () => {
    await using container = new Container();
    const change = changes(withNewNamespace("cgroup"), withResources({ cpu: { shares: 512 } }));
    const { stdout } = await container.configure("cat /sys/fs/cgroup/cpu.weight", change).run();
    expect(stdout).toBe("59\n");
  });

  test("a burst of quota, which must not exceed it at any moment", async () => {
    await using container = new Container();
    const change = withResources({ cpu: { quota: 50_000, period: 100_000, burst: 20_000 } });
    await container.configure("true", change).call(["create", container.id]);
    const { pid } = await container.state();
    const bursts = async (...words: string[]): Promise<string[]> => {
      const updated = await container.call(["update", ...words, container.id]);
      expect(updated).toEqual({ status: 0, stdout: "", stderr: "" });
      return Object.values(readFiles(pid, ["cpu.cfs_burst_us", "cpu.max.burst"]));
    };
    expect(Object.values(readFiles(pid, ["cpu.cfs_burst_us", "cpu.max.burst"]))).toEqual(["20000"]);
    expect(await bursts("--cpu-quota", "10000", "--cpu-burst", "5000")).toEqual(["5000"]);
    expect(await bursts("--cpu-quota", "90000", "--cpu-burst", "80000")).toEqual(["80000"]);
  });

  testV2("a period alone keeps the quota", async () => {
    await using container = new Container();
    const change = withResources({ cpu: { quota: 50_000, period: 100_000 } });
    await container.configure("true", change).call(["create", container.id]);
    await container.call(["update", "--cpu-period", "80000", container.id]);
    const { pid } = await container.state();
    expect(readFiles(pid, ["cpu.max"])).toEqual({ "cpu.max": "50000 80000" });
  });

  testV2(
    "a container with user and cgroup namespaces gets the cgroup that it may write, and no limit of it",
    async () => {
      await using container = new Container();
      const writable = withMounts({ ...CGROUP_MOUNT, options: ["nosuid", "noexec", "nodev", "rw"] });
      const change = changes(withUserNamespace(100_000), withNewNamespace("cgroup"), writable);
      container.configure(
        "cd /sys/fs/cgroup; mkdir sub && echo made; echo 0 >sub/cgroup.procs && echo moved; echo 1 >pids.max",
        change,
      );
      const { stdout, stderr } = await container.run();
      expect(stdout).toBe("made\nmoved\n");
      expect(stderr).toContain("Permission denied");
    },
  );

  testV2("without a cgroup namespace the container sees its own cgroup, not the host's tree", async () => {
    await using container = new Container();
    container.configure(
      "cd /sys/fs/cgroup; cat cgroup.procs; ls -d */ 2>/dev/null; touch x 2>/dev/null || echo ro",
    );
    const { stdout } = await container.run();
    expect(stdout).toMatch(/^1\n(\d+\n)?ro\n$/);
  });
});
