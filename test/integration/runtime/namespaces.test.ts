/**
 * Namespaces that are joined, made, and both at once. One container holds namespaces, a second one joins some of them;
 * what the second sees is compared with what it sees when runc has made both.
 */
import { describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Namespace, NamespaceType } from "../../../src/spec/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import {
  type Change,
  changes,
  mount,
  withLinux,
  withMounts,
  withNewNamespace,
  withProcess,
  withUserNamespace,
} from "../support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"));
const compared = needs(root, program("runc"), program("busybox"));
/** runc 1.1 has no time namespaces, and joins no user namespace without being told its mappings, which newer ones refuse. */
const beyondRunc = needs(root, program("busybox"), {
  says: "a runtime other than runc 1.1",
  isMet: () =>
    !Bun.spawnSync([...TESTED.command, "--version"])
      .stdout.toString()
      .startsWith("runc version 1.1"),
});

const LINKS: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

/** Replaces the namespaces of these types by those of process `pid`, and adds them where the document has none. */
function withJoined(pid: number, ...types: readonly NamespaceType[]): Change {
  return (config) => {
    const own = (config.linux?.namespaces ?? []).filter(({ type }) => !types.includes(type));
    const joined = types.map((type): Namespace => ({ type, path: `/proc/${pid}/ns/${LINKS[type]}` }));
    return withLinux({ namespaces: [...own, ...joined] })(config);
  };
}

/** Takes out what a container without that file system's own namespace must not mount. */
const without =
  (...destinations: readonly string[]): Change =>
  (config) => ({
    ...config,
    mounts: (config.mounts ?? []).filter(({ destination }) => !destinations.includes(destination)),
  });

const withoutHostname: Change = ({ hostname: _, ...config }) => config;
const boundSys = changes(without("/sys", "/sys/fs/cgroup"), (config) => ({
  ...config,
  mounts: [
    ...(config.mounts ?? []),
    mount("/sys", "bind", "/sys", "rbind", "ro", "nosuid", "noexec", "nodev"),
  ],
}));
const boundProc = changes(without("/proc"), (config) => ({
  ...config,
  mounts: [...(config.mounts ?? []), mount("/proc", "bind", "/proc", "rbind", "nosuid", "noexec", "nodev")],
}));

interface Case {
  readonly says: string;
  /** Of the container that holds the namespaces. */
  readonly holder?: Change;
  readonly joins: readonly NamespaceType[];
  /** Of the container that joins. */
  readonly change?: Change;
  readonly script: string;
  readonly contains: string;
  readonly notInRunc?: true;
}

const IDS = "id -u; cat /proc/self/uid_map /proc/self/gid_map; stat -c '%u %g' /dev /proc/$$";
const newUser = withUserNamespace(100_000);

const cases: readonly Case[] = [
  { says: "network", joins: ["network"], script: "ip addr show lo | head -1", contains: "LOOPBACK,UP" },
  { says: "ipc", joins: ["ipc"], script: "ls -d /dev/mqueue", contains: "mqueue" },
  { says: "uts, and the host name is set there", joins: ["uts"], script: "hostname", contains: "box" },
  {
    says: "uts, and the host name is that which is there",
    joins: ["uts"],
    holder: (config) => ({ ...config, hostname: "pod" }),
    change: withoutHostname,
    script: "hostname",
    contains: "pod",
  },
  {
    says: "pid: a sibling, not PID 1",
    joins: ["pid"],
    script: "[ $$ != 1 ] && cat /proc/1/comm",
    contains: "sleep",
  },
  {
    says: "what the containers of a pod share",
    joins: ["network", "ipc", "uts"],
    change: withoutHostname,
    script: "hostname; echo $$; ls /proc/sys/net/ipv4/ip_forward",
    contains: "box\n1\n",
  },
  {
    says: "cgroup",
    joins: ["cgroup"],
    holder: withNewNamespace("cgroup"),
    change: without("/sys/fs/cgroup"),
    script: "true; echo joined",
    contains: "joined",
  },
  {
    says: "everything but user and mount",
    joins: ["network", "ipc", "uts", "pid", "cgroup"],
    holder: withNewNamespace("cgroup"),
    change: without("/sys/fs/cgroup"),
    script: "hostname; cat /proc/1/comm",
    contains: "box",
  },
  {
    says: "user alone: the others are new and belong to it",
    joins: ["user"],
    holder: newUser,
    script: `${IDS}; hostname`,
    contains: "0\n         0     100000      65536\n         0     100000      65536\n0 0\n0 0\nbox\n",
    notInRunc: true,
  },
  {
    says: "user and what belongs to it",
    joins: ["user", "network", "ipc", "uts", "pid"],
    holder: newUser,
    script: `${IDS}; hostname; ip addr show lo | head -1; cat /proc/1/comm`,
    contains:
      "0\n         0     100000      65536\n         0     100000      65536\n0 0\n0 0\nbox\n1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\nsleep\n",
    notInRunc: true,
  },
  {
    says: "a new user namespace and the network of another container",
    joins: ["network"],
    change: changes(newUser, boundSys),
    script: `${IDS}; ip addr show lo | head -1`,
    contains: "100000",
  },
  {
    says: "a new user namespace and the processes of another container",
    joins: ["pid"],
    change: changes(newUser, boundProc, withLinux({ maskedPaths: [], readonlyPaths: [] })),
    script: "id -u; [ $$ != 1 ] && echo a sibling",
    contains: "0\na sibling",
  },
  {
    says: "a new user namespace and the uts namespace of another container, whose name it may not set",
    joins: ["uts"],
    change: changes(newUser, withoutHostname),
    script: "hostname; id -u",
    contains: "box",
  },
  {
    says: "a joined user namespace, and a user in it who is not root",
    joins: ["user"],
    holder: newUser,
    change: withProcess({ user: { uid: 1000, gid: 1000, additionalGids: [2000] } }),
    script: "id; grep -E '^(Uid|Gid|CapPrm)' /proc/self/status",
    contains:
      "uid=1000(user) gid=1000(user) groups=2000(extra)\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000000\n",
    notInRunc: true,
  },
];

interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Which namespaces are those of the holder. */
  readonly shared: readonly string[];
}

async function answerOf(runtime: Runtime, { holder, joins, change, script }: Case): Promise<Answer> {
  await using first = new Container(runtime);
  const held = await first.configure("exec sleep 1000", holder).call(["run", "-d", first.id]);
  expect(held.stderr).toBe("");
  const { pid } = await first.state();
  await using second = new Container(runtime);
  const names = Object.values(LINKS);
  const links = names.map((name) => `readlink /proc/self/ns/${name}`).join("; ");
  second.configure(
    `${script}; echo --; ${links}`,
    changes(change ?? ((config) => config), withJoined(pid, ...joins)),
  );
  const { status, stdout, stderr } = await second.run();
  const [answer = "", seen = ""] = stdout.split("--\n");
  const shared = names.filter((name) => seen.includes(readlinkSync(`/proc/${pid}/ns/${name}`)));
  const own = names.filter(
    (name) => readlinkSync(`/proc/${pid}/ns/${name}`) === readlinkSync(`/proc/self/ns/${name}`),
  );
  return { status, stdout: answer, stderr, shared: shared.filter((name) => !own.includes(name)) };
}

describe(`a container of ${TESTED.name} joins the namespaces of another`, () => {
  compared.each(cases.filter(({ notInRunc }) => notInRunc === undefined))("$says", async (item) => {
    const wanted = await answerOf(RUNC, item);
    expect(wanted).toMatchObject({ stdout: expect.stringContaining(item.contains), stderr: "" });
    expect(wanted.shared.toSorted()).toEqual(item.joins.map((type) => LINKS[type]).toSorted());
    expect(await answerOf(TESTED, item)).toEqual(wanted);
  });

  beyondRunc.each(cases.filter(({ notInRunc }) => notInRunc !== undefined))("$says", async (item) => {
    const answer = await answerOf(TESTED, item);
    expect(answer.stderr).toBe("");
    expect(answer.stdout).toContain(item.contains);
    expect(answer.shared.toSorted()).toEqual(item.joins.map((type) => LINKS[type]).toSorted());
  });

  test("what is no such namespace is refused before anything is made", async () => {
    const refusal = async (namespace: Namespace): Promise<string> => {
      await using container = new Container();
      container.configure("true", (config) => {
        const others = (config.linux?.namespaces ?? []).filter(({ type }) => type !== namespace.type);
        return withLinux({ namespaces: [...others, namespace] })(config);
      });
      const { status, stderr } = await container.run();
      expect(status).toBe(1);
      return stderr;
    };
    expect(await refusal({ type: "network", path: "/proc/self/ns/nothing" })).toContain(
      "no such file or directory",
    );
    expect(await refusal({ type: "network", path: "/etc/passwd" })).not.toBe("");
    expect(await refusal({ type: "network", path: "/proc/self/ns/uts" })).not.toBe("");
    if (TESTED.name !== "teu") return;
    expect(await refusal({ type: "network", path: "/etc/passwd" })).toContain(
      "linux.namespaces[4].path: cannot join",
    );
    expect(await refusal({ type: "network", path: "/proc/self/ns/uts" })).toContain("it is a uts namespace");
    expect(await refusal({ type: "mount", path: "/proc/self/ns/mnt" })).toContain("it is the runtime's own");
  });

  compared("mount: the root changes there, and not on the host", async () => {
    const answerIn = async (runtime: Runtime): Promise<unknown> => {
      const holder = Bun.spawn(["unshare", "--mount", "sh", "-c", "echo ready; exec sleep 1000"], {
        stdout: "pipe",
      });
      await using container = new Container(runtime);
      try {
        await holder.stdout.getReader().read();
        const script = `readlink /proc/self/ns/mnt; ls /; cut -d' ' -f5 /proc/self/mountinfo | sort`;
        const { stdout, ...rest } = await container.configure(script, withJoined(holder.pid, "mount")).run();
        const joined = readlinkSync(`/proc/${holder.pid}/ns/mnt`);
        expect(stdout).toStartWith(`${joined}\n`);
        return { stdout: stdout.replace(joined, "joined"), ...rest };
      } finally {
        holder.kill();
        await holder.exited;
      }
    };
    expect(await answerIn(TESTED)).toEqual(await answerIn(RUNC));
  });

  test("a sysctl of the host's network is refused, also where the host's namespace is joined", async () => {
    await using container = new Container();
    const host = `/proc/${process.pid}/ns/net`;
    container.configure("true", (config) => {
      const others = (config.linux?.namespaces ?? []).filter(({ type }) => type !== "network");
      const namespaces: Namespace[] = [...others, { type: "network", path: host }];
      return changes(boundSys, withLinux({ namespaces, sysctl: { "net.ipv4.ip_forward": "1" } }))(config);
    });
    const { status, stderr } = await container.run();
    expect(status).toBe(1);
    expect(stderr).toContain("not allowed in host network namespace");
  });
});

/** Without this type: then the host's. */
const withHosts =
  (...types: readonly NamespaceType[]): Change =>
  (config) =>
    withLinux({ namespaces: (config.linux?.namespaces ?? []).filter(({ type }) => !types.includes(type)) })(
      config,
    );

interface UserCase {
  readonly says: string;
  readonly change: Change;
  readonly script: string;
  readonly contains: string;
  /** Where ours goes on and runc 1.1 does not. */
  readonly instead?: Change;
}

const ranges = withLinux({
  uidMappings: [
    { containerID: 0, hostID: 100_000, size: 1000 },
    { containerID: 1000, hostID: 300_000, size: 1 },
    { containerID: 5000, hostID: 400_000, size: 60_000 },
  ],
  gidMappings: [
    { containerID: 0, hostID: 200_000, size: 10 },
    { containerID: 10, hostID: 500_000, size: 65_526 },
  ],
});

const userCases: readonly UserCase[] = [
  {
    says: "ranges, other ones for groups",
    change: changes(newUser, ranges, withProcess({ user: { uid: 5001, gid: 11, additionalGids: [2000] } })),
    script: `cat /proc/self/uid_map /proc/self/gid_map; id; touch /dev/shm/x; stat -c '%u %g' /dev/shm/x; cat /proc/self/setgroups`,
    contains: "5001 11\nallow",
  },
  {
    says: "the caller's groups are gone",
    change: newUser,
    script: "grep Groups /proc/self/status",
    contains: "Groups:\t \n",
  },
  {
    says: "the out-of-memory score",
    change: changes(newUser, withProcess({ oomScoreAdj: 321 })),
    script: "cat /proc/self/oom_score_adj",
    contains: "321",
  },
  {
    says: "the host's network, and its /sys",
    change: changes(newUser, withHosts("network")),
    instead: boundSys,
    script: "id -u; ls /sys/class/net | head -1; touch /sys/x 2>/dev/null; echo $?; ls /sys/kernel | wc -l",
    contains: "0\n",
  },
  {
    says: "the host's processes, and its /proc",
    change: changes(newUser, withHosts("pid"), withLinux({ readonlyPaths: [] })),
    instead: boundProc,
    script: "id -u; [ $$ != 1 ] && cat /proc/1/comm; echo x >/proc/sysrq-trigger; echo $?",
    contains: "0\n",
  },
  {
    says: "a cgroup namespace, and its file system",
    change: changes(newUser, withNewNamespace("cgroup")),
    script: "cut -d: -f3 /proc/self/cgroup | sort -u; ls /sys/fs/cgroup | head -3",
    contains: "/\n",
  },
  {
    says: "sysctls of its own namespaces",
    change: changes(newUser, withLinux({ sysctl: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "12345" } })),
    script: "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
    contains: "1\n12345",
  },
  {
    says: "devices of the document, bound",
    change: changes(
      newUser,
      withLinux({ devices: [{ path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 0o644 }] }),
    ),
    script:
      "for d in null zero full random urandom tty kmsg; do stat -c '%n %t %T %u' /dev/$d; done; echo x >/dev/null; echo $?",
    contains: "/dev/kmsg 1 b",
  },
  {
    says: "a read-only root, masked and read-only paths",
    change: changes(newUser, (config) => ({ ...config, root: { path: "rootfs", readonly: true } })),
    script: "touch /x; echo $?; cat /proc/kcore | wc -c; echo 1 >/proc/sys/net/ipv4/ip_forward; echo $?",
    contains: "1\n0\n1",
  },
  {
    says: "a bind mount of what only the host's root can reach",
    change: changes(newUser, withMounts(mount("/data", "bind", "secret/open", "rbind", "ro"))),
    script: "cat /data/file",
    contains: "reached",
  },
];

describe(`a user namespace of ${TESTED.name}`, () => {
  const answer = async (
    runtime: Runtime,
    { script, change }: UserCase,
    instead?: Change,
  ): Promise<unknown> => {
    await using container = new Container(runtime);
    const { path } = container.bundle;
    mkdirSync(join(container.bundle.rootfs, "data"));
    mkdirSync(join(path, "secret/open"), { recursive: true });
    writeFileSync(join(path, "secret/open/file"), "reached\n");
    chmodSync(join(path, "secret"), 0o700);
    container.configure(script, instead ? changes(change, instead) : change);
    return await container.run();
  };
  compared.each([...userCases])("$says", async (item) => {
    const wanted = await answer(RUNC, item, item.instead);
    expect(wanted).toMatchObject({ stdout: expect.stringContaining(item.contains) });
    expect(await answer(TESTED, item, TESTED.name === "runc" ? item.instead : undefined)).toEqual(wanted);
  });
});

interface ExecCase {
  readonly says: string;
  readonly change: Change;
  /** Namespaces of a container that is there already. */
  readonly joins?: readonly NamespaceType[];
  readonly notInRunc?: true;
}

const unmounted: Change = (config) =>
  changes(
    withLinux({ namespaces: [], maskedPaths: [], readonlyPaths: [] }),
    withoutHostname,
  )({ ...config, mounts: [] });

const execCases: readonly ExecCase[] = [
  { says: "with all namespaces of its own", change: withNewNamespace("cgroup") },
  { says: "with a user namespace", change: newUser },
  { says: "with a user namespace of several ranges", change: changes(newUser, ranges) },
  { says: "with the host's processes", change: withHosts("pid") },
  {
    says: "with a user namespace and the host's network",
    change: changes(newUser, withHosts("network"), boundSys),
  },
  { says: "of a pod", change: withoutHostname, joins: ["network", "ipc", "uts"] },
  { says: "among the processes of another", change: withoutHostname, joins: ["pid", "network", "uts"] },
  {
    says: "with a time namespace",
    change: changes(
      newUser,
      withNewNamespace("time"),
      withLinux({ timeOffsets: { boottime: { secs: 9_000_000 } } }),
    ),
    notInRunc: true,
  },
];

describe(`exec of ${TESTED.name} into a container`, () => {
  const SCRIPT = [
    "id",
    "pwd; echo $HOME; ls /",
    "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status || true",
    "cat /proc/self/oom_score_adj /proc/self/uid_map || true",
  ].join("; ");
  const execIn = async (runtime: Runtime, { change, joins = [] }: ExecCase): Promise<unknown> => {
    await using pod = new Container(runtime);
    await pod.configure("exec sleep 1000").call(["run", "-d", pod.id]);
    const { pid: podPid } = await pod.state();
    await using container = new Container(runtime);
    const user = { uid: 3, gid: 4, additionalGids: [5] };
    const seen = changes(change, withJoined(podPid, ...joins), withProcess({ user, oomScoreAdj: 321 }));
    expect(
      (await container.configure("exec sleep 1000", seen).call(["run", "-d", container.id])).stderr,
    ).toBe("");
    const { pid } = await container.state();
    // A process that is there before the script's own: its namespaces can be looked at from outside.
    const pidFile = join(container.bundle.path, "exec.pid");
    const words = ["exec", "-d", "--pid-file", pidFile, container.id, "/bin/sleep", "1000"];
    expect(await container.call(words)).toEqual({ status: 0, stdout: "", stderr: "" });
    const executed = Number(readFileSync(pidFile, "utf8"));
    for (const name of Object.values(LINKS))
      expect(readlinkSync(`/proc/${executed}/ns/${name}`)).toBe(readlinkSync(`/proc/${pid}/ns/${name}`));
    for (const file of ["cgroup", "mountinfo", "oom_score_adj"])
      expect(readFileSync(`/proc/${executed}/${file}`, "utf8")).toBe(
        readFileSync(`/proc/${pid}/${file}`, "utf8"),
      );
    // Runc's delete does not wait for it where init is no PID 1 of its own.
    process.kill(executed, "SIGKILL");
    while (existsSync(`/proc/${executed}`)) await Bun.sleep(10);
    return await container.call(["exec", container.id, "/bin/sh", "-c", SCRIPT]);
  };
  compared.each(execCases.filter(({ notInRunc }) => notInRunc === undefined))("$says", async (item) => {
    const wanted = await execIn(RUNC, item);
    expect(wanted).toMatchObject({ status: 0, stdout: expect.stringContaining("uid=3 gid=4 groups=") });
    expect(await execIn(TESTED, item)).toEqual(wanted);
  });
  // runc 1.1 leaves a mount behind on the host, and cannot start the program without a /proc.
  beyondRunc("that is confined by its root alone, with no namespace of its own", async () => {
    await using container = new Container();
    const { rootfs } = container.bundle;
    const ran = await container.configure("exec sleep 1000", unmounted).call(["run", "-d", container.id]);
    expect(ran).toEqual({ status: 0, stdout: "", stderr: "" });
    const { pid } = await container.state();
    expect(readlinkSync(`/proc/${pid}/root`)).toBe(rootfs);
    expect(readlinkSync(`/proc/${pid}/ns/mnt`)).toBe(readlinkSync("/proc/self/ns/mnt"));
    const words = [
      "exec",
      container.id,
      "/bin/sh",
      "-c",
      "pwd; ls -d /bin/busybox /tmp; cat /etc/hostname; ls /dev/null",
    ];
    const seen = await container.call(words);
    expect(seen.stdout).toBe("/\n/bin/busybox\n/tmp\n/dev/null\n");
    expect(seen.stderr).toContain("No such file");
    expect((await container.call(["kill", container.id, "KILL"])).status).toBe(0);
    await container.waitFor("stopped");
    expect(
      readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .filter((line) => line.includes(rootfs)),
    ).toEqual([]);
  });
  beyondRunc.each(execCases.filter(({ notInRunc }) => notInRunc !== undefined))("$says", async (item) => {
    expect(await execIn(TESTED, item)).toMatchObject({ status: 0, stderr: "" });
  });
});

describe(`a container of ${TESTED.name} has clocks of its own`, () => {
  const UPTIME = "cut -d. -f1 /proc/uptime";
  const offsets = { boottime: { secs: 7_000_000 }, monotonic: { secs: 1_000_000, nanosecs: 5 } };
  const clocks: readonly { says: string; change: Change }[] = [
    { says: "with the host's user namespace", change: (config) => config },
    { says: "with a user namespace of its own", change: newUser },
  ];
  beyondRunc.each([...clocks])("time offsets, $says", async ({ change }) => {
    await using container = new Container();
    const timed = changes(change, withNewNamespace("time"), withLinux({ timeOffsets: offsets }));
    container.configure(
      `${UPTIME}; cat /proc/self/timens_offsets; for n in time time_for_children; do readlink /proc/self/ns/$n; done`,
      timed,
    );
    const { status, stdout, stderr } = await container.run();
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [uptime, monotonic, boottime, own, children] = stdout.trim().split("\n");
    expect(Number(uptime)).toBeGreaterThanOrEqual(7_000_000);
    expect(monotonic?.split(/ +/)).toEqual(["monotonic", "1000000", "5"]);
    expect(boottime?.split(/ +/)).toEqual(["boottime", "7000000", "0"]);
    expect(own?.replace("time_for_children", "time")).toBe(
      children?.replace("time_for_children", "time") ?? "",
    );
    expect(own).not.toBe(readlinkSync("/proc/self/ns/time"));
  });

  beyondRunc(
    "an offset that the kernel refuses is an error that names the field, and nothing is left",
    async () => {
      await using container = new Container();
      const timeOffsets = { boottime: { secs: -4_000_000_000 } };
      container.configure("true", changes(withNewNamespace("time"), withLinux({ timeOffsets })));
      const { status, stderr } = await container.run();
      expect(status).toBe(1);
      expect(stderr).toContain("linux.timeOffsets");
    },
  );

  beyondRunc("a time namespace is joined: the same clocks", async () => {
    await using first = new Container();
    const timed = changes(newUser, withNewNamespace("time"), withLinux({ timeOffsets: offsets }));
    await first.configure("exec sleep 1000", timed).call(["run", "-d", first.id]);
    const { pid } = await first.state();
    for (const types of [["time"], ["user", "time"], ["user", "pid", "time"]] as const) {
      await using second = new Container();
      const { stdout, stderr } = await second.configure(UPTIME, withJoined(pid, ...types)).run();
      expect(stderr).toBe("");
      expect(Number(stdout)).toBeGreaterThanOrEqual(7_000_000);
    }
  });
});
