/**
 * Namespaces that are joined, made, and both at once. One container holds namespaces, a second one joins some of them;
 * what the second sees is compared with what it sees when runc has made both.
 */
import { describe, expect } from "bun:test";
import { readlinkSync } from "node:fs";
import type { Namespace, NamespaceType } from "../../../src/spec/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import {
  type Change,
  changes,
  mount,
  withLinux,
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
