/**
 * The runtime as a plain user: one who owns nothing but their own id, one to whom /etc/subuid gives ranges, and (on cgroup
 * v2) one to whom a cgroup is delegated. The user is made by number alone; where files of /etc have to know of them, each
 * call sees its own copies, in a mount namespace that ends with it.
 */
import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type Need, needs, program, root } from "../../support/needs.ts";
import {
  type Change,
  changes,
  withLinux,
  withNewNamespace,
  withProcess,
  withResources,
} from "../support/bundle.ts";
import {
  ALONE,
  FIRST_SUBORDINATE,
  id,
  manyIDs,
  oneID,
  rootless,
  UID,
  UserContainer,
  withRanges,
} from "../support/rootless.ts";
import { RUNC, type Runtime, TESTED } from "../support/runtime.ts";
import { SeccompAgent } from "../support/seccomp-agent.ts";

const test = needs(root, program("busybox"), program("setpriv"), program("unshare"));
const compared = needs(root, program("busybox"), program("setpriv"), program("unshare"), program("runc"));

const users = [
  { says: "with their own id alone", prefix: (): readonly string[] => ALONE, map: oneID },
  { says: "with subordinate ids", prefix: withRanges, map: manyIDs },
] as const;

const SCRIPT = [
  "id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; hostname; pwd",
  "grep -E '^(Groups|Cap...|NoNewPrivs):' /proc/self/status",
  "for d in null zero full random urandom tty; do stat -c '%n %t %T' /dev/$d; done; echo x >/dev/null; echo $?",
  "touch /dev/shm/x /tmp/y; stat -c %u /dev/shm/x; touch /sys/fs/cgroup/x /sys/x 2>/dev/null; echo $?",
  "cat /proc/kcore | wc -c; echo 1 >/proc/sys/kernel/msgmax; echo $?; cat /proc/self/oom_score_adj",
].join("; ");

describe(`a plain user's container of ${TESTED.name}`, () => {
  for (const { says, prefix, map } of users) {
    compared(`${says}: sees what one of runc sees`, async () => {
      const run = async (runtime: Runtime): Promise<unknown> => {
        await using container = new UserContainer(runtime, prefix);
        return await container
          .configure(SCRIPT, changes(rootless(map), withProcess({ oomScoreAdj: 200 })))
          .run();
      };
      const wanted = await run(RUNC);
      expect(wanted).toMatchObject({ status: 0, stdout: expect.stringContaining("uid=0(root)") });
      expect(await run(TESTED)).toEqual(wanted);
    });

    test.each([true, false])(
      `${says}: an agent answers for its calls, noNewPrivileges %p`,
      async (noNewPrivileges) => {
        await using container = new UserContainer(TESTED, prefix);
        const listenerPath = join(container.bundle.path, "agent.sock");
        await using agent = new SeccompAgent(listenerPath, () => ({ errno: constants.errno.ENOSPC }));
        chmodSync(listenerPath, 0o777);
        const ask = "mkdir /tmp/no 2>&1";
        const uid = map.length === 1 ? 0 : 1000;
        const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" as const }];
        const seccomp = { defaultAction: "SCMP_ACT_ALLOW" as const, listenerPath, syscalls };
        container.configure(
          `${ask}; exec sleep 1000`,
          changes(
            rootless(map),
            withLinux({ seccomp }),
            withProcess({ noNewPrivileges, user: { uid, gid: uid } }),
          ),
        );
        expect(await container.call(["run", "-d", container.id])).toMatchObject({ status: 0, stderr: "" });
        while (!container.outputOf(1).includes("\n")) await Bun.sleep(10);
        expect(container.outputOf(1)).toContain("No space left on device");
        const exec = await container.call(["exec", container.id, "/bin/sh", "-c", ask]);
        expect(exec.stdout).toContain("No space left on device");
        expect(agent.states).toHaveLength(2);
      },
    );

    test(`${says}: lives from create to delete, with exec`, async () => {
      await using container = new UserContainer(TESTED, prefix);
      container.configure("exec sleep 1000", rootless(map));
      expect(await container.call(["create", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(await container.state()).toMatchObject({ status: "created" });
      // Who sets up a network for it (slirp4netns) does so now, as the same user.
      const { pid } = await container.state();
      const look = Bun.spawnSync([...ALONE, "readlink", `/proc/${pid}/ns/net`, `/proc/${pid}/ns/user`]);
      expect(look.stdout.toString()).toContain("user:[");
      const early = await container.call(["exec", container.id, "/bin/sh", "-c", "id -u"]);
      expect(early).toEqual({ status: 0, stdout: "0\n", stderr: "" });
      expect((await container.call(["start", container.id])).status).toBe(0);
      expect(await container.state()).toMatchObject({ status: "running" });
      const exec = await container.call([
        "exec",
        container.id,
        "/bin/sh",
        "-c",
        "id -u; hostname; echo $HOME",
      ]);
      expect(exec).toEqual({ status: 0, stdout: "0\nbox\n/root\n", stderr: "" });
      expect((await container.call(["exec", container.id, "/nothing"])).status).toBe(255);
      expect((await container.call(["kill", container.id, "KILL"])).status).toBe(0);
      await container.waitFor("stopped");
      expect(await container.call(["delete", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(readdirSync(container.stateFolder)).toEqual([]);
    });
  }

  compared(
    "as root of a user namespace that is there already, as podman calls: devices are bound, groups stay",
    async () => {
      const run = async (runtime: Runtime): Promise<unknown> => {
        const inside = [...ALONE, "unshare", "--user", "--map-root-user", "--mount", "--"];
        await using container = new UserContainer(runtime, () => inside);
        const change: Change = (config) => {
          const { linux, mounts } = rootless(oneID)(config);
          const namespaces = (config.linux?.namespaces ?? []).filter(({ type }) => type !== "network");
          const { uidMappings: _, gidMappings: __, ...rest } = linux ?? {};
          return { ...config, ...(mounts && { mounts }), linux: { ...rest, namespaces } };
        };
        return await container.configure(SCRIPT, change).run();
      };
      const wanted = await run(RUNC);
      expect(wanted).toMatchObject({ status: 0, stdout: expect.stringContaining("uid=0(root)") });
      expect(await run(TESTED)).toEqual(wanted);
    },
  );

  test("a user inside who is none of theirs: ids and groups of their ranges", async () => {
    await using container = new UserContainer(TESTED, withRanges);
    const user = { uid: 1000, gid: 1000, ...(TESTED.name === "runc" ? {} : { additionalGids: [2000] }) };
    container.configure("id; touch /tmp/mine", changes(rootless(manyIDs), withProcess({ user })));
    const { stdout, stderr } = await container.run();
    expect({ stdout: stdout.slice(0, 29), stderr }).toEqual({
      stdout: "uid=1000(user) gid=1000(user)",
      stderr: "",
    });
    if (TESTED.name !== "runc") expect(stdout).toContain("2000(extra)");
    const { uid } = statSync(join(container.bundle.rootfs, "tmp/mine"));
    expect(uid).toBe(FIRST_SUBORDINATE + 999);
  });

  test("setgroups is denied where the user has no groups to give (2014-8989)", async () => {
    await using container = new UserContainer(TESTED);
    container.configure("cat /proc/self/setgroups; setpriv --clear-groups true 2>&1; true", rootless(oneID));
    expect((await container.run()).stdout).toStartWith("deny\n");
  });

  test("a lower out-of-memory score than the user's own is passed over", async () => {
    await using container = new UserContainer(TESTED);
    container.configure(
      "cat /proc/self/oom_score_adj",
      changes(rootless(oneID), withProcess({ oomScoreAdj: -900 })),
    );
    const { status, stderr } = await container.run();
    if (TESTED.name === "runc") return;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  const refusals: readonly { says: string; change: Change; want: string; flags?: readonly string[] }[] = [
    {
      says: "a container without a user namespace",
      change: (config) => config,
      want: "rootless container requires user namespaces",
    },
    {
      says: "ids that are nobody's to give",
      change: rootless([id(0, 0, 1)]),
      want: "newgidmap",
    },
    {
      says: "additional groups without a map for them",
      change: changes(rootless(oneID), withProcess({ user: { uid: 0, gid: 0, additionalGids: [0] } })),
      want: "cannot set any additional groups in a rootless container",
    },
    {
      says: "a limit without a cgroup to set it in",
      change: changes(rootless(oneID), withResources({ pids: { limit: 20 } })),
      want: "rootless needs no limits + no cgrouppath when no permission is granted for cgroups",
    },
    {
      says: "a cgroup that may not be made",
      change: changes(rootless(oneID), withLinux({ cgroupsPath: "/teu-rootless-test" })),
      want: "linux.cgroupsPath: cannot create cgroup",
    },
    {
      says: "no cgroup, when --rootless=false",
      change: rootless(oneID),
      want: "linux.cgroupsPath: cannot create cgroup",
      flags: ["--rootless=false"],
    },
    {
      says: "a --rootless that is neither true nor false",
      change: rootless(oneID),
      want: "invalid syntax",
      flags: ["--rootless=perhaps"],
    },
  ];
  test.each([...refusals])("refuses $says, and nothing is left", async ({ change, want, flags = [] }) => {
    await using container = new UserContainer(TESTED);
    container.configure("true", change);
    const prefix = [...container.runtime.command, "--root", container.stateFolder, ...flags];
    const { exitCode, stderr } = Bun.spawnSync([...prefix, "run", container.id], {
      cwd: container.bundle.path,
      stdin: "ignore",
    });
    expect(exitCode).toBe(1);
    if (TESTED.name === "teu") expect(stderr.toString()).toContain(want);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });

  test("clocks and namespaces of another container of the same user", async () => {
    if (TESTED.name === "runc") return;
    await using first = new UserContainer(TESTED);
    const offsets = { boottime: { secs: 8_000_000 } };
    const timed = changes(rootless(oneID), withNewNamespace("time"), withLinux({ timeOffsets: offsets }));
    expect((await first.configure("exec sleep 1000", timed).call(["run", "-d", first.id])).stderr).toBe("");
    const { pid } = await first.state();
    await using second = new UserContainer(TESTED);
    const joins: Change = (config) =>
      withLinux({
        uidMappings: [],
        gidMappings: [],
        namespaces: [
          { type: "mount" },
          ...(["user", "pid", "ipc", "uts", "time"] as const).map((type) => ({
            type,
            path: `/proc/${pid}/ns/${type}`,
          })),
        ],
      })(config);
    second.configure("id -u; cut -d. -f1 /proc/uptime; cat /proc/1/comm", changes(rootless(oneID), joins));
    const { stdout, stderr } = await second.run();
    expect(stderr).toBe("");
    const [uid, uptime, comm] = stdout.split("\n");
    expect([uid, comm]).toEqual(["0", "sleep"]);
    expect(Number(uptime)).toBeGreaterThanOrEqual(8_000_000);
  });

  for (const writer of [TESTED, RUNC]) {
    compared(
      `what spec --rootless of ${writer.name} writes runs, and its state is below XDG_RUNTIME_DIR`,
      async () => {
        await using container = new UserContainer(TESTED);
        const xdg = join(container.folder, "xdg");
        mkdirSync(xdg, { mode: 0o700 });
        for (const path of [container.folder, xdg]) chownSync(path, UID, UID);
        // To a file: what runs on would keep a pipe open.
        const file = join(container.folder, "output");
        const call = async (words: readonly string[]): Promise<{ status: number; output: string }> => {
          const output = openSync(file, "w");
          const child = Bun.spawn([...ALONE, ...words], {
            cwd: container.bundle.path,
            env: { PATH: process.env["PATH"] ?? "", XDG_RUNTIME_DIR: xdg },
            stdio: ["ignore", output, output],
          });
          const status = await child.exited;
          closeSync(output);
          return { status, output: readFileSync(file, "utf8") };
        };
        expect(await call([...writer.command, "spec", "--rootless"])).toEqual({ status: 0, output: "" });
        const path = join(container.bundle.path, "config.json");
        const document = JSON.parse(await Bun.file(path).text());
        document.process.terminal = false;
        document.process.args = ["/bin/sh", "-c", "id -u; hostname"];
        writeFileSync(path, JSON.stringify(document));
        expect(await call([...TESTED.command, "run", container.id])).toEqual({
          status: 0,
          output: "0\nrunc\n",
        });
        document.process.args = ["/bin/sleep", "1000"];
        writeFileSync(path, JSON.stringify(document));
        expect(await call([...TESTED.command, "run", "-d", container.id])).toEqual({ status: 0, output: "" });
        expect(await call([...TESTED.command, "list", "-q"])).toEqual({
          status: 0,
          output: `${container.id}\n`,
        });
        expect(
          existsSync(join(xdg, TESTED.name === "runc" ? "runc" : "teu/runtime", container.id, "state.json")),
        ).toBe(true);
        expect(await call([...TESTED.command, "delete", "-f", container.id])).toEqual({
          status: 0,
          output: "",
        });
      },
    );
  }
});

const pureV2: Need = {
  says: "a machine with cgroup v2 alone",
  isMet: () => existsSync("/sys/fs/cgroup/cgroup.controllers"),
};

describe(`a plain user's container of ${TESTED.name} in a cgroup that is theirs`, () => {
  const delegated = needs(root, pureV2, program("busybox"), program("setpriv"));

  /** A cgroup that the user owns; calls are made from a child of it, as the kernel's rules for delegation want. */
  function delegate(): { prefix: readonly string[] } & Disposable {
    const top = `/sys/fs/cgroup/teu-delegated-${process.pid}`;
    mkdirSync(join(top, "caller"), { recursive: true });
    for (const name of [
      "",
      "cgroup.procs",
      "cgroup.subtree_control",
      "cgroup.threads",
      "caller",
      "caller/cgroup.procs",
    ])
      chownSync(join(top, name), UID, UID);
    writeFileSync("/sys/fs/cgroup/cgroup.subtree_control", "+pids +memory");
    return {
      prefix: ["sh", "-c", `echo 0 >${top}/caller/cgroup.procs && exec "$@"`, "sh", ...ALONE],
      [Symbol.dispose]: () => {
        for (const path of [join(top, "caller"), top]) rmdirSync(path);
      },
    };
  }

  delegated("limits are set, exec is inside, kill --all reaches all, and delete removes it", async () => {
    using theirs = delegate();
    await using container = new UserContainer(TESTED, () => theirs.prefix);
    const limited = changes(
      rootless(oneID),
      withNewNamespace("cgroup"),
      withResources({ pids: { limit: 20 }, memory: { limit: 67_108_864 } }),
    );
    container.configure("cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max; exec sleep 1000", limited);
    expect((await container.call(["run", "-d", container.id])).stderr).toBe("");
    while (container.outputOf(1).split("\n").length < 3) await Bun.sleep(10);
    expect(container.outputOf(1)).toBe("20\n67108864\n");
    const { pid } = await container.state();
    const own = await Bun.file(`/proc/${pid}/cgroup`).text();
    expect(own).toContain(container.id);
    const exec = await container.call([
      "exec",
      container.id,
      "/bin/sh",
      "-c",
      "cat /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs | wc -l",
    ]);
    expect(exec).toEqual({ status: 0, stdout: "0::/\n4\n", stderr: "" });
    expect((await container.call(["kill", "--all", container.id, "KILL"])).status).toBe(0);
    await container.waitFor("stopped");
    expect(await container.call(["delete", container.id])).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});
