/** Docker's flags of `run`, by what a container that has them sees and what its cgroups and its inspection say. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";

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

const run = (script: string, ...flags: string[]) =>
  store.teu("run", "--rm", ...flags, image, "sh", "-c", script);
const inspect = async (name: string) => JSON.parse(await store.done("inspect", name))[0];

describe("what a container sees", () => {
  const cgroup = (v1: string, v2: string) =>
    `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`;
  const cases: { flags: string[]; script: string; says: string | RegExp }[] = [
    {
      flags: ["--memory", "64m", "--memory-reservation", "32m"],
      script: cgroup("memory/memory.soft_limit_in_bytes", "memory.low"),
      says: "33554432",
    },
    { flags: ["--cpu-shares", "512"], script: cgroup("cpu/cpu.shares", "cpu.weight"), says: /^(512|20)$/ },
    {
      flags: ["--cpu-period", "50000", "--cpu-quota", "25000"],
      script: `${cgroup("cpu/cpu.cfs_quota_us", "cpu.max")}; cat /sys/fs/cgroup/cpu/cpu.cfs_period_us 2>/dev/null`,
      says: /^25000\s50000$/,
    },
    { flags: ["--cpuset-cpus", "0"], script: cgroup("cpuset/cpuset.cpus", "cpuset.cpus"), says: "0" },
    {
      flags: ["--device", "/dev/loop-control:/dev/lc:r"],
      script: "ls -l /dev/lc | cut -c1; (: </dev/lc) && echo read; (echo x >/dev/lc) 2>&1 | sed 's/.*: //'",
      says: "c\nread\nOperation not permitted",
    },
    {
      flags: ["--device-cgroup-rule", "c 10:237 rwm"],
      script: "mknod /lc c 10 237 && (: </lc) && echo opened",
      says: "opened",
    },
    {
      flags: [],
      script: "mknod /lc c 10 237 && (: </lc) 2>&1 | sed 's/.*: //'",
      says: "Operation not permitted",
    },
    {
      flags: ["--ipc", "none"],
      script: "ls -d /dev/shm 2>&1",
      says: "ls: /dev/shm: No such file or directory",
    },
    { flags: ["--group-add", "extra", "--group-add", "77"], script: "id -G", says: /\b77\b.*\b2000\b/ },
    { flags: ["--domainname", "d.example"], script: "cat /proc/sys/kernel/domainname", says: "d.example" },
    {
      flags: [
        "--dns",
        "192.0.2.1",
        "--dns-search",
        "a.example",
        "--dns-search",
        "b.example",
        "--dns-option",
        "ndots:3",
      ],
      script: "sort /etc/resolv.conf",
      says: "nameserver 192.0.2.1\noptions ndots:3\nsearch a.example b.example",
    },
    {
      flags: ["--mac-address", "02:aa:bb:cc:dd:ee"],
      script: "cat /sys/class/net/eth0/address",
      says: "02:aa:bb:cc:dd:ee",
    },
    {
      flags: ["--security-opt", "systempaths=unconfined"],
      script: "grep ' /proc/' /proc/mounts | wc -l",
      says: "0",
    },
    {
      flags: ["--privileged"],
      script: "grep CapEff /proc/self/status | cut -f2; grep Seccomp: /proc/self/status",
      says: /^000001ff[0-9a-f]{8}\nSeccomp:\t0$/,
    },
    {
      flags: ["--privileged"],
      script:
        "ls /dev/loop-control && mkdir /m && mount -t tmpfs x /m && echo mounted; grep -c ' /proc/sys ' /proc/mounts",
      says: "/dev/loop-control\nmounted\n0",
    },
    {
      flags: ["--security-opt", "writable-cgroups"],
      script: "grep -E 'cgroup2? .*rw,' /proc/mounts | grep -c cgroup",
      says: /^[1-9]\d*$/,
    },
    { flags: [], script: "grep -E ' cgroup2? rw,' /proc/mounts | wc -l", says: "0" },
  ];
  test.each(cases)("$flags: $script", async ({ flags, script, says }) => {
    const { stdout, stderr } = await run(script, ...flags);
    expect(stderr).toBe("");
    if (says instanceof RegExp) expect(stdout.trim()).toMatch(says);
    else expect(stdout.trim()).toBe(says);
  });

  test("--security-opt seccomp=FILE is docker's profile, with what holds for a capability only", async () => {
    const path = store.path("profile.json");
    const rule = (name: string, more: object = {}) => ({
      names: [name],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 95,
      ...more,
    });
    writeFileSync(
      path,
      JSON.stringify({
        defaultAction: "SCMP_ACT_ALLOW",
        archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
        syscalls: [
          rule("mkdir"),
          rule("rmdir", { excludes: { caps: ["CAP_SYS_ADMIN"] } }),
          rule("chmod", { includes: { minKernel: "99.0" } }),
        ],
      }),
    );
    const script =
      "mkdir /x 2>&1 | sed 's/.*: //'; mkdir -p /proc 2>/dev/null; rmdir /nothing 2>&1 | sed 's/.*: //'; chmod 700 /bin && echo fine";
    const opt = ["--security-opt", `seccomp=${path}`];
    expect((await run(script, ...opt)).stdout).toBe(
      "Operation not supported\nOperation not supported\nfine\n",
    );
    expect((await run(script, ...opt, "--cap-add", "SYS_ADMIN")).stdout).toBe(
      "Operation not supported\nNo such file or directory\nfine\n",
    );
  });

  test("--ipc shareable is joined by --ipc container:NAME, shared memory and all", async () => {
    await store.done(
      "run",
      "-d",
      "--name",
      "owner",
      "--ipc",
      "shareable",
      image,
      "sh",
      "-c",
      "echo here >/dev/shm/mark; sleep 1000",
    );
    for (
      let times = 0;
      times < 200 && (await store.teu("exec", "owner", "cat", "/dev/shm/mark")).stdout === "";
      times++
    )
      await Bun.sleep(10);
    const { stdout } = await run(
      "cat /dev/shm/mark; ls -l /proc/self/ns/ipc | sed 's/.*> //'",
      "--ipc",
      "container:owner",
    );
    expect(stdout).toBe(
      `here\n${await store.done("exec", "owner", "sh", "-c", "ls -l /proc/self/ns/ipc | sed 's/.*> //'")}`,
    );
    expect((await inspect("owner")).HostConfig.IpcMode).toBe("shareable");
    await store.done("run", "-d", "--name", "alone", image, "sleep", "1000");
    expect((await run("true", "--ipc", "container:alone")).stderr).toContain(
      "cannot join IPC of a non-shareable container",
    );
    await store.done("rm", "-f", "owner", "alone");
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(`${store.folder}/run`);
  });

  test("-P leads free ports to what the image and --expose say is served", async () => {
    await store.done(
      "run",
      "-d",
      "--name",
      "served",
      "-P",
      "--expose",
      "8080",
      "--expose",
      "53/udp",
      image,
      "sleep",
      "1000",
    );
    const ports = await store.done("port", "served");
    expect(ports).toMatch(/^8080\/tcp -> 0\.0\.0\.0:\d+$/m);
    expect(ports).toMatch(/^53\/udp -> 0\.0\.0\.0:\d+$/m);
    await store.done("rm", "-f", "served");
  });
});

describe("what is kept and told", () => {
  test("labels of files, the ID in a file, annotations, the stop timeout, the parent of cgroups", async () => {
    const [labels, id] = [store.path("labels"), store.path("id")];
    writeFileSync(labels, "# a comment\na=1\n\nb=2\n");
    const flags = [
      "--label-file",
      labels,
      "-l",
      "b=3",
      "--cidfile",
      id,
      "--annotation",
      "x.y=z",
      "--stop-timeout",
      "1",
    ];
    await store.done(
      "run",
      "-d",
      "--name",
      "told",
      "--cgroup-parent",
      "/teu-test-parent",
      ...flags,
      image,
      "sh",
      "-c",
      "trap '' TERM; while :; do sleep 0.1; done",
    );
    const { Id, Config, HostConfig } = await inspect("told");
    expect(readFileSync(id, "utf8")).toBe(Id);
    expect([Config.Labels, Config.StopTimeout, HostConfig.CgroupParent]).toEqual([
      { a: "1", b: "3" },
      1,
      "/teu-test-parent",
    ]);
    expect(
      existsSync(`/sys/fs/cgroup/memory/teu-test-parent/${Id}`) ||
        existsSync(`/sys/fs/cgroup/teu-test-parent/${Id}`),
    ).toBe(true);
    const config = JSON.parse(readFileSync(join(store.folder, "root/containers", Id, "config.json"), "utf8"));
    expect(config.annotations).toEqual({ "x.y": "z" });
    const again = await store.teu("run", "-d", "--cidfile", id, image, "true");
    expect(again.stderr).toContain("container ID file found");
    expect(readFileSync(id, "utf8")).toBe(Id);
    const begin = performance.now();
    await store.done("stop", "told");
    expect(performance.now() - begin).toBeLessThan(8000);
    await store.done("rm", "told");
    for (const hierarchy of [
      "memory",
      "cpu",
      "cpuacct",
      "cpuset",
      "devices",
      "freezer",
      "blkio",
      "pids",
      "systemd",
      "unified",
      ".",
    ])
      if (existsSync(`/sys/fs/cgroup/${hierarchy}/teu-test-parent`))
        rmdirSync(`/sys/fs/cgroup/${hierarchy}/teu-test-parent`);
  });

  test("update changes weights and reservations too", async () => {
    await store.done("run", "-d", "--name", "changed", "--memory", "64m", image, "sleep", "1000");
    await store.done("update", "--memory-reservation", "16m", "--cpu-shares", "100", "changed");
    const { HostConfig } = await inspect("changed");
    expect([HostConfig.Memory, HostConfig.MemoryReservation, HostConfig.CpuShares]).toEqual([
      1 << 26,
      1 << 24,
      100,
    ]);
    await store.done("rm", "-f", "changed");
  });

  test("kill with the container's own stop signal is a stop", async () => {
    await store.done(
      "run",
      "-d",
      "--name",
      "asked",
      "--restart",
      "always",
      "--stop-signal",
      "USR1",
      image,
      "sh",
      "-c",
      "trap 'exit 0' USR1; while :; do sleep 0.05; done",
    );
    await Bun.sleep(100);
    await store.done("kill", "-s", "USR1", "asked");
    await store.done("wait", "asked");
    await Bun.sleep(300);
    expect((await inspect("asked")).State.Status).toBe("exited");
    await store.done("rm", "asked");
  });

  test("--pull says when a registry is asked", async () => {
    const never = await store.teu("run", "--rm", "--pull", "never", "nothing-of-the-kind", "true");
    expect(never.status).toBe(125);
    expect(never.stderr).toStartWith("teu: No such image: nothing-of-the-kind\n");
    const always = await store.teu(
      "run",
      "--rm",
      "--network",
      "none",
      "--pull",
      "always",
      image,
      "echo",
      "pulled",
    );
    expect(always.stdout).toBe("pulled\n");
  });

  test("-a passes on only what it names; --detach-keys and --sig-proxy are read", async () => {
    const script = "echo out; echo err >&2";
    const { stdout, stderr } = await store.teu("run", "--rm", "-a", "stderr", image, "sh", "-c", script);
    expect([stdout, stderr]).toEqual(["", "err\n"]);
    expect((await run("true", "--detach-keys", "ctrl-ä")).stderr).toStartWith(
      'teu: Invalid detach keys "ctrl-ä"',
    );
    expect((await run("true", "--sig-proxy=false", "--detach-keys", "ctrl-a,x")).status).toBe(0);
    expect((await run("true", "--sig-proxy=no")).stderr).toStartWith(
      'teu: Invalid value "no" of --sig-proxy',
    );
  });
});

describe("--device VENDOR/CLASS=NAME", () => {
  const FOLDER = "/var/run/cdi";
  const write = (name: string, text: string) => {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, name), text);
    return { [Symbol.dispose]: () => rmSync(join(FOLDER, name)) };
  };

  test("gives what the vendor's file says: nodes, variables, mounts, groups; the common part once", async () => {
    using _json = write(
      "teu-test.json",
      JSON.stringify({
        cdiVersion: "0.6.0",
        kind: "teu.test/thing",
        containerEdits: {
          env: ["COMMON=1"],
          mounts: [{ hostPath: "/etc/hostname", containerPath: "/thing", options: ["ro", "bind"] }],
        },
        devices: [
          {
            name: "one",
            containerEdits: {
              env: ["ONE=1"],
              deviceNodes: [{ path: "/dev/thing0", hostPath: "/dev/loop-control" }],
            },
          },
          { name: "two", containerEdits: { additionalGids: [4242] } },
        ],
      }),
    );
    using _yaml = write(
      "teu-test.yaml",
      "cdiVersion: 0.6.0\nkind: teu.test/other\ndevices:\n- name: x\n  containerEdits:\n    env: [FROM_YAML=1]\n",
    );
    const script =
      "echo $COMMON$ONE$FROM_YAML; ls -l /dev/thing0 | cut -c1; id -G; cat /thing >/dev/null && (: </dev/thing0) && echo fine";
    const flags = ["teu.test/thing=one", "teu.test/thing=two", "teu.test/other=x"].flatMap((name) => [
      "--device",
      name,
    ]);
    const { stdout, stderr } = await run(script, ...flags);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^111\nc\n.*\b4242\b.*\nfine\n$/);
  });

  test("that nobody describes is named, and so is a file that cannot be read", async () => {
    using _broken = write("teu-broken.json", "{");
    const { status, stderr } = await run("true", "--device", "teu.test/none=0");
    expect(status).toBe(125);
    expect(stderr).toStartWith("teu: CDI device injection failed: unresolvable CDI devices teu.test/none=0");
    expect(stderr).toContain("/var/run/cdi/teu-broken.json: ");
    expect((await run("true", "--gpus", "all")).stderr).toContain("nvidia.com/gpu=all");
  });
});

describe("what is refused", () => {
  const cases: { flags: string[]; says: string }[] = [
    {
      flags: ["--memory-swap", "64m"],
      says: "You should always set the Memory limit when using Memoryswap limit",
    },
    {
      flags: ["-m", "64m", "--memory-swap", "32m"],
      says: "Minimum memoryswap limit should be larger than memory limit",
    },
    {
      flags: ["-m", "64m", "--memory-reservation", "65m"],
      says: "Minimum memory limit can not be less than memory reservation limit",
    },
    { flags: ["--memory-swappiness", "101"], says: "valid memory swappiness range is 0-100" },
    { flags: ["--cpus", "1", "--cpu-period", "1000"], says: "Nano CPUs and CPU Period cannot both be set" },
    { flags: ["--cpu-period", "10"], says: "CPU cfs period cannot be less than 1ms" },
    { flags: ["--cpuset-cpus", "a"], says: "Invalid value a for cpuset cpus" },
    { flags: ["--blkio-weight", "5"], says: "Range of blkio weight is from 10 to 1000" },
    { flags: ["--device-read-bps", "/dev/nothing:1m"], says: "/dev/nothing is no device" },
    { flags: ["--device-write-iops", "x"], says: "wants /dev/NAME:NUMBER" },
    { flags: ["--device", "/dev/nothing"], says: 'custom device "/dev/nothing": no such file or directory' },
    { flags: ["--device", "/etc/passwd"], says: "not a device node" },
    { flags: ["--device", "/dev/null:/dev/x:rx"], says: "invalid mode: rx" },
    { flags: ["--device-cgroup-rule", "x"], says: "invalid device cgroup format 'x'" },
    { flags: ["--security-opt", "seccomp=/nothing"], says: "opening seccomp profile (/nothing) failed" },
    { flags: ["--security-opt", "seccomp=/etc/passwd"], says: "it is no JSON" },
    { flags: ["--security-opt", "label=x"], says: 'invalid --security-opt: "label=x"' },
    { flags: ["--security-opt", "nothing"], says: 'invalid --security-opt: "nothing"' },
    { flags: ["--group-add", "nobody-knows"], says: "nobody-knows" },
    { flags: ["--ipc", "x"], says: "--ipc: invalid IPC mode: x" },
    { flags: ["--uts", "x"], says: "--uts: invalid UTS mode: x" },
    { flags: ["--cgroupns", "x"], says: "--cgroupns: invalid CGROUP mode: x" },
    { flags: ["--userns", "x"], says: "Unsupported --userns x" },
    { flags: ["--link", "a:b"], says: "Unsupported --link" },
    { flags: ["--mac-address", "01:00:00:00:00:00"], says: "is not a valid mac address" },
    { flags: ["--pull", "x"], says: "invalid pull option: 'x'" },
    { flags: ["-a", "x"], says: "valid streams are STDIN, STDOUT and STDERR" },
  ];
  test.each(cases)("$flags", async ({ flags, says }) => {
    const { status, stderr } = await run("true", ...flags);
    expect(status).toBe(125);
    expect(stderr).toContain(says);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .filter((line) => !line.startsWith("hint: ")),
    ).toHaveLength(1);
  });

  test("nothing of what was refused stays", async () => {
    expect(await store.done("ps", "-aq")).toBe("");
  });
});
