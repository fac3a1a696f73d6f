/** Docker's flags of `run`, by what a container that has them sees and what its cgroups and its inspection say. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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

/** One, where there is any. */
const DISKS = readdirSync("/sys/block")
  .filter((name) => existsSync(`/dev/${name}`))
  .map((name) => ({ name, numbers: readFileSync(`/sys/block/${name}/dev`, "utf8").trim() }))
  .slice(0, 1);

describe("what makes a container impossible is told by name", () => {
  const device = "something else is there than the device";
  const kinds = "hint: Are you trying to mount a directory onto a file (or vice-versa)?";
  const cases: { flags: string[]; status?: number; says: string }[] = [
    { flags: ["-v", "/tmp:/dev/null"], says: `/dev/null: ${device} c 1:3` },
    { flags: ["--device", "/dev/null:/etc/passwd"], says: `/etc/passwd: ${device} c 1:3` },
    { flags: ["--device", "/dev/zero:/dev/null"], says: `/dev/null: ${device} c 1:3` },
    { flags: ["-v", "/etc/passwd:/etc"], says: kinds },
    { flags: ["-v", "/etc:/etc/passwd"], says: kinds },
    { flags: ["--tmpfs", "/etc/passwd"], says: kinds },
    { flags: ["--pids-limit", "1", "--init"], status: 126, says: "fork: no more processes may be" },
  ];
  test.each(cases)("$flags", async ({ flags, status = 125, says }) => {
    const { stderr, ...ended } = await run("true", "--network", "none", ...flags);
    expect(ended.status).toBe(status);
    expect(stderr).toContain(says);
  });

  test("exec in a container that is full of processes", async () => {
    const made = ["--name", "full", "--network", "none", "--pids-limit", "1", image, "sleep", "1000"];
    await store.done("run", "-d", ...made);
    const { stderr, status } = await store.teu("exec", "full", "true");
    expect([status, stderr]).toEqual([126, expect.stringContaining("hint: As many processes as may be")]);
    await store.done("rm", "-f", "full");
  });

  test("not a limit of open files: what makes it is not held to that", async () => {
    for (const limit of ["0", "3:70", "10"]) {
      const { stdout } = await run("ulimit -n", "--network", "none", "--ulimit", `nofile=${limit}`);
      expect(stdout).toBe(`${limit.split(":")[0]}\n`);
    }
  });
});

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
      flags: ["--mount", "type=bind,src=/sys,dst=/x,bind-nonrecursive,readonly"],
      script: "grep -c ' /x' /proc/mounts; ls /x/fs/cgroup | wc -l; mkdir /x/y 2>&1 | sed 's/.*: //'",
      says: "1\n0\nRead-only file system",
    },
    // Below a read-only mount everything is: /sys/fs/cgroup could be written, and is a mount of its own.
    {
      flags: ["-v", "/sys:/x:ro"],
      script: "grep ' /x/fs/' /proc/mounts | cut -d' ' -f4 | cut -d, -f1 | busybox sort -u",
      says: "ro",
    },
    {
      flags: ["--mount", "type=bind,src=/sys,dst=/x,readonly,bind-recursive=readonly"],
      script: "grep ' /x/fs/' /proc/mounts | cut -d' ' -f4 | cut -d, -f1 | busybox sort -u",
      says: "ro",
    },
    {
      flags: ["--mount", "type=bind,src=/sys,dst=/x,readonly,bind-recursive=writable"],
      script: "grep ' /x ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1; grep -c ' /x/fs/.* rw,' /proc/mounts",
      says: /^ro\n[1-9]/,
    },
    {
      flags: ["--tmpfs", "/t:size=64k,mode=1770,exec"],
      script: "cp /bin/busybox /t/ 2>/dev/null; cp /bin/echo /t/x 2>/dev/null; grep ' /t ' /proc/mounts",
      says: /^tmpfs \/t tmpfs rw,nosuid,nodev,relatime,size=64k,mode=1770/,
    },
    {
      flags: ["--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770"],
      script: "grep ' /t ' /proc/mounts",
      says: /nosuid,nodev,noexec,relatime,size=1024k,mode=1770/,
    },
    {
      flags: ["--shm-size", "1m"],
      script: "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2",
      says: "1024",
    },
    {
      flags: ["--shm-size", "0"],
      script: "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2",
      says: "65536",
    },
    { flags: ["--ulimit", "nofile=100:200"], script: "ulimit -n; ulimit -Hn", says: "100\n200" },
    { flags: ["--oom-score-adj", "7"], script: "cat /proc/self/oom_score_adj", says: "7" },
    { flags: ["--sysctl", "net.ipv4.ip_forward=1"], script: "cat /proc/sys/net/ipv4/ip_forward", says: "1" },
    { flags: ["--pids-limit", "50"], script: cgroup("pids/pids.max", "pids.max"), says: "50" },
    {
      flags: ["--cpus", "0.5"],
      script: cgroup("cpu/cpu.cfs_quota_us", "cpu.max"),
      says: /^50000( 100000)?$/,
    },
    ...DISKS.map(({ name, numbers }) => ({
      flags: ["--device-read-bps", `/dev/${name}:1m`, "--device-write-iops", `/dev/${name}:7`],
      script: `${cgroup("blkio/blkio.throttle.read_bps_device", "io.max")}; cat /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device 2>/dev/null`,
      says: new RegExp(`^${numbers} (1048576\\n${numbers} 7|rbps=1048576 .*wiops=7)$`),
    })),
    {
      flags: ["--pid", "host"],
      script: "readlink /proc/self/ns/pid",
      says: readlinkSync("/proc/self/ns/pid"),
    },
    {
      flags: ["--ipc", "host"],
      script: "readlink /proc/self/ns/ipc",
      says: readlinkSync("/proc/self/ns/ipc"),
    },
    {
      flags: ["--uts", "host"],
      script: "readlink /proc/self/ns/uts",
      says: readlinkSync("/proc/self/ns/uts"),
    },
    {
      flags: ["--cgroupns", "host"],
      script: "readlink /proc/self/ns/cgroup",
      says: readlinkSync("/proc/self/ns/cgroup"),
    },
    {
      flags: ["--userns", "host"],
      script: "readlink /proc/self/ns/user",
      says: readlinkSync("/proc/self/ns/user"),
    },
    {
      flags: ["--hostname", "h.example"],
      script: "hostname; cat /etc/hostname",
      says: "h.example\nh.example",
    },
    {
      flags: ["--read-only", "--tmpfs", "/t"],
      script: "touch /t/a && touch /a 2>&1 | sed 's/.*: //'",
      says: "Read-only file system",
    },
    {
      flags: ["--cap-drop", "ALL", "--cap-add", "CHOWN"],
      script: "grep CapEff /proc/self/status | cut -f2",
      says: "0000000000000001",
    },
    {
      flags: ["--security-opt", "no-new-privileges"],
      script: "grep NoNewPrivs /proc/self/status | cut -f2",
      says: "1",
    },
    {
      flags: ["--security-opt", "seccomp=unconfined"],
      script: "grep Seccomp: /proc/self/status | cut -f2",
      says: "0",
    },
    { flags: ["--init"], script: "cat /proc/1/comm", says: /init|reaper/ },
    {
      flags: ["--add-host", "a.example:192.0.2.7"],
      script: "grep a.example /etc/hosts",
      says: "192.0.2.7\ta.example",
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

  test("--ipc shareable has the --shm-size that was asked for, at each start", async () => {
    const size = "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2";
    const flags = ["--name", "sized", "--network", "none", "--ipc", "shareable", "--shm-size", "1m"];
    expect(await store.done("run", ...flags, image, "busybox", "sh", "-c", size)).toBe("1024\n");
    expect(await store.done("start", "-a", "sized")).toBe("1024\n");
    expect((await inspect("sized")).HostConfig.ShmSize).toBe(1 << 20);
    await store.done("rm", "sized");
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
    // What is no port is no reason not to run its image: that was an error.
    const serving = image.replace("/test/", "/serving/");
    const ExposedPorts = { "443/tcp": {}, "3868/sctp": {}, "1/icmp": {} };
    await pushLayers(serving, [busyboxLayer()], { config: { ExposedPorts } });
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
      serving,
      "sleep",
      "1000",
    );
    const ports = await store.done("port", "served");
    expect(ports).toMatch(/^8080\/tcp -> 0\.0\.0\.0:\d+$/m);
    expect(ports).toMatch(/^53\/udp -> 0\.0\.0\.0:\d+$/m);
    expect(ports).toMatch(/^443\/tcp -> 0\.0\.0\.0:\d+$/m);
    expect(ports).toMatch(/^3868\/sctp -> 0\.0\.0\.0:\d+$/m);
    await store.done("rm", "-f", "served");
    await store.done("rmi", serving);
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

  test("inspect says in docker's names what was asked for", async () => {
    const id = store.path("asked-id");
    const flags =
      "--cap-add net_admin --cap-drop CAP_CHOWN --security-opt no-new-privileges --group-add 77 --device /dev/loop-control:/dev/lc:r " +
      "--ulimit nofile=100:200 --ulimit core=-1 --sysctl net.ipv4.ip_forward=1 --shm-size 1m --tmpfs /t:size=1m --annotation a.b=c -P " +
      "--cpus 0.5 --cpuset-cpus 0 -m 64m --memory-swap 128m --memory-reservation 32m --oom-score-adj 5 --pids-limit 50 --init --read-only";
    const rule = [
      "--device-cgroup-rule",
      "c 189:* rwm",
      "--cidfile",
      id,
      "--domainname",
      "d",
      "--dns",
      "192.0.2.1",
    ];
    await store.done("create", "--name", "shown", ...flags.split(" "), ...rule, image, "true");
    await store.done("create", "--name", "borrower", "--volumes-from", "shown:ro", image, "true");
    const { HostConfig, Config } = await inspect("shown");
    expect(HostConfig).toMatchObject({
      CapAdd: ["CAP_NET_ADMIN"],
      CapDrop: ["CAP_CHOWN"],
      SecurityOpt: ["no-new-privileges"],
      GroupAdd: ["77"],
      Devices: [{ PathOnHost: "/dev/loop-control", PathInContainer: "/dev/lc", CgroupPermissions: "r" }],
      DeviceCgroupRules: ["c 189:* rwm"],
      Ulimits: [
        { Name: "nofile", Soft: 100, Hard: 200 },
        { Name: "core", Soft: -1, Hard: -1 },
      ],
      Sysctls: { "net.ipv4.ip_forward": "1" },
      ShmSize: 1 << 20,
      Tmpfs: { "/t": "size=1m" },
      Annotations: { "a.b": "c" },
      PublishAllPorts: true,
      ContainerIDFile: id,
      ...{ NanoCpus: 5e8, CpuPeriod: 0, CpuQuota: 0, CpusetCpus: "0" },
      ...{ Memory: 1 << 26, MemorySwap: 1 << 27, MemoryReservation: 1 << 25 },
      ...{ OomScoreAdj: 5, PidsLimit: 50, Init: true, ReadonlyRootfs: true, Dns: ["192.0.2.1"] },
    });
    expect(Config.Domainname).toBe("d");
    expect((await inspect("borrower")).HostConfig.VolumesFrom).toEqual(["shown:ro"]);
    await store.done("rm", "shown", "borrower");
  });

  test("what does less than its name says is told", async () => {
    const kernel = await run("echo ran", "--kernel-memory", "64m");
    expect([kernel.status, kernel.stdout]).toEqual([0, "ran\n"]);
    expect(kernel.stderr).toStartWith("WARNING: Kernels have no limit of kernel memory any more");
    expect((await run("true", "--kernel-memory", "x")).stderr).toContain("invalid size");
  });

  test("--mount makes volumes with options, quoted where they have commas; another of that name is refused", async () => {
    const volume =
      'type=volume,src=made,dst=/v,volume-opt=type=tmpfs,volume-opt=device=x,"volume-opt=o=size=64k,mode=700"';
    const { stdout, stderr } = await run("grep ' /v ' /proc/mounts", "--mount", volume, "--mount", "dst=/w");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^\S+ \/v tmpfs rw,.*size=64k,mode=700/);
    const other = await run("true", "--mount", "src=made,dst=/v,volume-opt=type=tmpfs,volume-opt=device=y");
    expect(other.stderr).toContain("Cannot create volume made: it is there already, with other options");
    const wrong = await run("true", "--mount", "src=unmade,dst=/v,volume-opt=colour=red");
    expect(wrong.stderr).toContain('invalid option: "colour"');
    expect(await store.done("volume", "ls", "-q")).toBe("made\n");
    await store.done("volume", "rm", "made");
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
      'teu: Invalid value "no" of flag --sig-proxy',
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

  test("gives what the vendor's file says: nodes, variables, mounts, groups, hooks; the common part once", async () => {
    const hooked = store.path("hooked");
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
          {
            name: "two",
            containerEdits: {
              additionalGids: [4242],
              hooks: [
                {
                  hookName: "createRuntime",
                  path: "/bin/sh",
                  args: ["sh", "-c", `cat >${hooked}`],
                  timeout: 5,
                },
              ],
            },
          },
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
    expect(JSON.parse(readFileSync(hooked, "utf8")).ociVersion).toBeString(); // the state, as hooks get it
  });

  test("--gpus are the devices of NVIDIA's files", async () => {
    using _file = write(
      "teu-test-gpu.json",
      JSON.stringify({
        cdiVersion: "0.6.0",
        kind: "nvidia.com/gpu",
        devices: [7, 8].map((number) => ({
          name: `teu-${number}`,
          containerEdits: { env: [`GPU${number}=1`] },
        })),
      }),
    );
    expect((await run("echo $GPU7-$GPU8", "--gpus", "device=teu-7")).stdout).toBe("1-\n");
    expect((await run("echo $GPU7-$GPU8", "--gpus", '"device=teu-7,teu-8"')).stdout).toBe("1-1\n");
    expect((await run("true", "--gpus", "capabilities=x")).stderr).toStartWith(
      "teu: Unsupported --gpus capabilities=x",
    );
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
    {
      flags: ["--cpuset-cpus", "0,4097"],
      says: "Requested CPUs are not available - requested 0,4097, available: ",
    },
    { flags: ["--cpuset-mems", "4097"], says: "Requested memory nodes are not available - requested 4097" },
    { flags: ["--hostname", "a\n192.0.2.1 b"], says: "Invalid hostname" },
    { flags: ["--dns-search", "a\nnameserver 192.0.2.1"], says: "is not a valid domain" },
    { flags: ["--dns-option", "a\nnameserver 192.0.2.1"], says: "Invalid dns-option" },
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
    { flags: ["--userns", "x"], says: "--userns: invalid USER mode: x" },
    { flags: ["--uts", "host", "-h", "x"], says: "conflicting options: hostname and the UTS mode" },
    {
      flags: ["--uts", "host", "--domainname", "x"],
      says: "conflicting options: domainname and the UTS mode",
    },
    {
      flags: ["--oom-score-adj", "1001"],
      says: "Invalid value 1001, range for oom score adj is [-1000, 1000]",
    },
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
