/**
 * One bundle, two runtimes: what a container sees under ours is what it sees under runc. Each case is a document and a
 * script that answers one question from inside; the answers are compared word by word.
 */
import { describe, expect } from "bun:test";
import { needs, program, root } from "../../support/needs.ts";
import {
  type Change,
  changes,
  mount,
  withLinux,
  withMounts,
  withNewNamespace,
  withProcess,
  withResources,
  withUserNamespace,
} from "../support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";

interface Case {
  readonly clause: string;
  readonly says: string;
  readonly script: string;
  readonly change?: Change;
  readonly stdin?: string;
  /** Removes what may differ. */
  readonly normalise?: (output: string) => string;
  /** The answer must contain this: a case whose question both runtimes fail to answer proves nothing. */
  readonly contains: string;
}

const STATUS = (...names: string[]): string => `grep -E '^(${names.join("|")}):' /proc/self/status`;
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
const MODES = "ls -lAn /dev | awk '{print $1,$3,$4,$5,$6,$NF}' | grep -v ^total | sort";
/** Mounts without what differs by chance: the IDs, device numbers, and the bundle's own path. */
const MOUNTS =
  "sed -E 's|^[0-9]+ [0-9]+ [0-9]+:[0-9]+ ||; s|teu-bundle-[^/]*|BUNDLE|g; s|teu-test-[-0-9]*|ID|g' /proc/self/mountinfo | sort";
const anyPeerGroup = (output: string): string =>
  output.replaceAll(/(shared|master|propagate_from):\d+/g, "$1:N");
/**
 * Where we differ from runc 1.1 on purpose: read-only is said of the mount and not of the file system; a path is masked by
 * a /dev/null that the container cannot have replaced (CVE-2025-31133) and by a tmpfs of no room; the tmpfs over the v1
 * hierarchies is read-only when the document says so; and without a cgroup namespace the container sees its own cgroup
 * on v2 as it does on v1, where runc 1.1 mounts the whole tree of the host (resources.test.ts has what we show).
 */
const differentOnPurpose = (output: string): string =>
  anyPeerGroup(output)
    .replaceAll(/^\/null (\S+) .*/gm, "$1 masked")
    .replaceAll(/^\/ (\S+) (ro\S*) - (tmpfs|sysfs) (\S+) \S+$/gm, "/ $1 $2 - $3 $4")
    .replaceAll(/^\/(?:ID)? (\/sys\/fs\/cgroup) r[wo](\S*).*/gm, "/ $1 $2")
    .split("\n")
    .sort()
    .join("\n");
const all = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_RAW", "CAP_SETUID", "CAP_SYS_ADMIN"];

const cases: readonly Case[] = [
  {
    clause: "config.md#hostname",
    says: "the container has its own",
    script: "hostname; uname -n",
    contains: "box",
  },
  {
    clause: "config.md#process",
    says: "arguments, environment and current folder arrive",
    script: 'pwd; env | sort; echo "$0" "$@"; tr "\\0" " " </proc/self/cmdline',
    change: withProcess({
      args: ["/bin/sh", "-c", 'pwd; env | sort; printf "<%s>" "$0" "$@"', "zero", "", "two words"],
      env: ["PATH=/bin", "EMPTY=", "EQUALS=a=b", "SPACE=x y"],
      cwd: "/tmp",
    }),
    contains: "<><two words>",
  },
  {
    clause: "config.md#process",
    says: "a working directory that is missing is made",
    script: "pwd; ls -ld /made/here | cut -c1-10",
    change: withProcess({ cwd: "/made/here" }),
    contains: "/made/here",
  },
  {
    clause: "config.md#posix-platform-user",
    says: "user, group, additional groups and umask",
    script: "id; umask; grep -E '^(Uid|Gid|Groups):' /proc/self/status",
    change: withProcess({ user: { uid: 1000, gid: 1000, additionalGids: [2000, 5], umask: 0o27 } }),
    contains: "2000",
  },
  {
    clause: "config.md#posix-platform-user",
    says: "HOME comes from the image's passwd",
    script: "echo $HOME",
    change: withProcess({ user: { uid: 1000, gid: 1000 } }),
    contains: "/home/user",
  },
  {
    clause: "config.md#posix-platform-user",
    says: "HOME comes from there too when it was emptied after it had been set",
    script: "echo $HOME",
    change: withProcess({ user: { uid: 1000, gid: 1000 }, env: ["PATH=/bin", "HOME=/other", "HOME="] }),
    contains: "/home/user",
  },
  {
    clause: "config.md#linux-process",
    says: "capabilities of root",
    script: STATUS("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    contains: "CapBnd:\t0000000020000420",
  },
  {
    clause: "config.md#linux-process",
    says: "capabilities of a user with ambient ones",
    script: STATUS("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    change: withProcess({
      user: { uid: 1000, gid: 1000 },
      capabilities: {
        bounding: all,
        permitted: all,
        effective: all,
        inheritable: all,
        ambient: ["CAP_NET_RAW"],
      },
    }),
    contains: "CapAmb:\t0000000000002000",
  },
  {
    clause: "config.md#linux-process",
    says: "no capabilities at all",
    script: STATUS("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    change: withProcess({ capabilities: {} }),
    contains: "CapBnd:\t0000000000000000",
  },
  {
    clause: "config.md#linux-process",
    says: "no_new_privs, on and off",
    script: STATUS("NoNewPrivs", "Seccomp"),
    change: withProcess({ noNewPrivileges: false }),
    contains: "NoNewPrivs:\t0",
  },
  {
    clause: "config.md#posix-process",
    says: "resource limits, soft and hard",
    script: "cat /proc/self/limits",
    change: withProcess({
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        { type: "RLIMIT_NPROC", soft: 1234, hard: 2345 },
        { type: "RLIMIT_STACK", soft: 1_048_576, hard: 18_446_744_073_709_551_615n },
      ],
    }),
    contains: "1234",
  },
  {
    clause: "config.md#linux-process",
    says: "the out-of-memory score",
    script: "cat /proc/self/oom_score_adj",
    change: withProcess({ oomScoreAdj: 321 }),
    contains: "321",
  },
  {
    clause: "config.md#process",
    says: "signals: nothing blocked, ignored or caught that the program did not ask for",
    // Not SigIgn: runc passes on what its caller ignores, we give the program the defaults.
    script: "exec sed -n '/^Sig[BC]/p' /proc/self/status",
    contains: "SigCgt",
  },
  {
    clause: "config.md#process",
    says: "only the standard streams are open",
    script: "for f in /proc/self/fd/*; do [ -e $f ] && basename $f; done; true",
    contains: "2",
  },
  {
    clause: "config.md#process",
    says: "standard input arrives",
    script: "wc -c",
    stdin: "x".repeat(70_000),
    contains: "70000",
  },
  {
    clause: "runtime.md#lifecycle",
    says: "the exit status comes back",
    script: "echo out; exit 42",
    contains: "out",
  },
  {
    clause: "runtime.md#lifecycle",
    says: "death by a signal comes back",
    script: "echo out; kill -9 $$",
    contains: "out",
  },
  {
    clause: "runtime.md#lifecycle",
    says: "the program is PID 1",
    script: "echo $$; ps -o ppid,comm | grep -c ' 0 '; cat /proc/1/comm",
    contains: "1\n",
  },
  {
    clause: "config.md#root",
    says: "a read-only root refuses writes",
    script: "touch /x; echo $?; touch /dev/shm/x; echo $?",
    change: (config) => ({ ...config, root: { path: "rootfs", readonly: true } }),
    contains: "1\n0",
  },
  {
    clause: "config.md#mounts",
    says: "the mounts of a common document",
    script: MOUNTS,
    normalise: differentOnPurpose,
    contains: "/proc/sys",
  },
  {
    clause: "config.md#mounts",
    says: "bind mounts with options, of folders and files",
    script:
      "grep -E ' /(data|file|rw)' /proc/self/mountinfo | cut -d' ' -f5,6; cat /data/motd; cat /file; touch /data/x; touch /rw/x; echo $?",
    change: withMounts(
      mount("/data", "bind", "rootfs/etc", "rbind", "ro", "nosuid", "noexec", "nodev"),
      mount("/file", "bind", "rootfs/etc/passwd", "bind", "ro"),
      mount("/rw", "none", "rootfs/tmp", "bind", "relatime"),
    ),
    contains: "/data ro,nosuid,nodev,noexec",
  },
  {
    clause: "config.md#mounts",
    says: "tmpfs with size, mode and owner",
    script:
      "stat -c '%a %u %g' /t /deep/er/t; grep -E ' /(t|deep/er/t) ' /proc/self/mountinfo | cut -d' ' -f5-",
    change: withMounts(
      mount("/t", "tmpfs", "tmpfs", "size=1m", "mode=1750", "uid=7", "gid=8", "noexec"),
      mount("/deep/er/t", "tmpfs", "t", "ro", "nr_inodes=10"),
    ),
    normalise: (output) => output.replaceAll(/,(?:huge|inode64)[^ ,]*/g, ""),
    contains: "1750 7 8",
  },
  {
    clause: "config.md#mounts",
    says: "a destination through a link stays inside",
    script: "ls /real/etc; cut -d' ' -f5 /proc/self/mountinfo | grep inside",
    change: withMounts(mount("/link/inside", "tmpfs", "tmpfs", "mode=755")),
    contains: "/real/etc/inside",
  },
  {
    clause: "config-linux.md#rootfs-mount-propagation",
    says: "the root's propagation",
    script: "cut -d' ' -f5,7 /proc/self/mountinfo | head -1",
    change: withLinux({ rootfsPropagation: "private" }),
    normalise: anyPeerGroup,
    contains: "/ ",
  },
  {
    clause: "config-linux.md#default-devices",
    says: "devices and links of /dev",
    script: MODES,
    contains: "urandom",
  },
  {
    clause: "config-linux.md#devices",
    says: "devices that the document names",
    script: MODES,
    change: withLinux({
      devices: [
        { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o640, uid: 3, gid: 4 },
        { path: "/dev/sub/loop", type: "b", major: 7, minor: 0 },
        { path: "/dev/pipe", type: "p" },
      ],
    }),
    contains: "fuse",
  },
  {
    clause: "config-linux.md#allowed-device-list",
    says: "what is not allowed cannot be opened or made",
    script:
      "for d in null zero full random tty; do head -c1 /dev/$d >/dev/null 2>&1; echo $d $?; done; mknod /tmp/d b 7 0 2>&1; mknod /tmp/n c 1 3; echo $?; mknod /tmp/k c 1 1 && cat /tmp/k; echo $?",
    change: withProcess({
      capabilities: { bounding: ["CAP_MKNOD"], effective: ["CAP_MKNOD"], permitted: ["CAP_MKNOD"] },
    }),
    contains: "null 0",
  },
  {
    clause: "config-linux.md#masked-paths",
    says: "masked paths are empty",
    script:
      "cat /proc/kcore | wc -c; cat /proc/timer_list | wc -c; ls /sys/firmware | wc -l; ls /proc/scsi 2>/dev/null | wc -l",
    contains: "0",
  },
  {
    clause: "config-linux.md#readonly-paths",
    says: "read-only paths refuse writes",
    script:
      "echo 1 >/proc/sys/net/ipv4/ip_forward; echo $?; echo h >/proc/sysrq-trigger; echo $?; cat /proc/sys/net/ipv4/ip_forward",
    contains: "1\n1",
  },
  {
    clause: "config-linux.md#sysctl",
    says: "sysctls of the container's own namespaces",
    script: "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
    change: withLinux({ sysctl: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "12345" } }),
    contains: "12345",
  },
  {
    clause: "config-linux.md#network",
    says: "an own network with its loopback",
    script: "cat /proc/net/dev | wc -l; ip addr show lo | head -1 | cut -c1-40",
    contains: "lo",
  },
  {
    clause: "config-linux.md#control-groups",
    says: "limits of memory, processes and CPU",
    script: [
      "cd /sys/fs/cgroup",
      "for f in memory/memory.limit_in_bytes memory.max pids/pids.max pids.max cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpu.max memory.swap.max; do",
      "[ -e $f ] && echo $f $(cat $f); done; true",
    ].join("\n"),
    // With a cgroup namespace /sys/fs/cgroup is the container's own cgroup on version 2 too. Not cpu.weight: runc 1.1 converts
    // shares by the formula that newer ones gave up (512 to 20, not 59); resources.test.ts has ours.
    change: changes(
      withNewNamespace("cgroup"),
      withResources({
        memory: { limit: 33_554_432, swap: 33_554_432 },
        pids: { limit: 25 },
        cpu: { quota: 50_000, period: 100_000, shares: 512 },
      }),
    ),
    contains: "33554432",
  },
  {
    clause: "config-linux.md#namespaces",
    says: "a cgroup namespace starts at the container's own cgroup",
    script: "cut -d: -f3 /proc/self/cgroup | sort -u; ls /sys/fs/cgroup | sort",
    change: withNewNamespace("cgroup"),
    contains: "/",
  },
  {
    clause: "config-linux.md#user-namespace-mappings",
    says: "a user namespace: maps, ids, capabilities",
    script: `cat /proc/self/uid_map /proc/self/gid_map; id; ${STATUS("CapPrm", "CapBnd")}; stat -c '%u %g' /proc/1 /dev /dev/pts /dev/null`,
    change: changes(
      withUserNamespace(100_000),
      withProcess({ user: { uid: 1, gid: 1, additionalGids: [2] } }),
    ),
    contains: "100000",
  },
  {
    clause: "config-linux.md#seccomp",
    says: "a filter that answers with an errno",
    script: `mkdir /tmp/no 2>&1; chmod 700 /tmp; echo $?; ${STATUS("Seccomp", "NoNewPrivs")}`,
    change: withLinux({
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
      },
    }),
    contains: "No space left",
  },
  // The program was looked up by calls that a profile of 2018 does not list: nothing ran under such a profile.
  ...[1, 38].map((errnoRet) => ({
    clause: "config-linux.md#seccomp",
    says: `a program is found in PATH under a filter that answers newer calls with errno ${errnoRet}`,
    script: "",
    change: changes(
      withProcess({ args: ["sh", "-c", "echo found $0"], env: ["PATH=/none:/etc:/bin"] }),
      withLinux({
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["faccessat2", "statx"], action: "SCMP_ACT_ERRNO", errnoRet }],
        },
      }),
    ),
    contains: "found sh",
  })),
];

async function answerOf(
  runtime: Runtime,
  item: Case,
): Promise<{ status: number; stdout: string; stderr: string }> {
  await using container = new Container(runtime);
  Bun.spawnSync(
    ["sh", "-c", "mkdir -p real/etc && ln -s /real/etc link && echo hello >etc/motd && touch tmp/mark"],
    {
      cwd: container.bundle.rootfs,
    },
  );
  container.configure(item.script, item.change);
  const { status, stdout, stderr } = await container.run(
    item.stdin === undefined ? {} : { stdin: item.stdin },
  );
  const normalise = item.normalise ?? ((output: string) => output);
  return { status, stdout: normalise(stdout), stderr: normalise(stderr) };
}

describe(`a container of ${TESTED.name} sees what one of runc sees`, () => {
  needs(root, program("runc"), program("busybox")).each([...cases])("$clause: $says", async (item) => {
    const wanted = await answerOf(RUNC, item);
    expect(wanted.stdout).toContain(item.contains);
    expect(await answerOf(TESTED, item)).toEqual(wanted);
  });

  needs(
    root,
    program("runc"),
    program("busybox"),
  )("namespaces: the same ones are new", async () => {
    const script = NAMESPACES.map((name) => `readlink /proc/self/ns/${name}`).join("; ");
    const host = Bun.spawnSync(["sh", "-c", script]).stdout.toString().trim().split("\n");
    const newOnes = async (runtime: Runtime): Promise<string[]> => {
      await using container = new Container(runtime);
      const { stdout } = await container.configure(script).run();
      return stdout
        .trim()
        .split("\n")
        .filter((name) => !host.includes(name))
        .map((name) => name.replace(/:.*/, ""));
    };
    const wanted = await newOnes(RUNC);
    expect(wanted).toEqual(["ipc", "mnt", "net", "pid", "uts"]);
    expect(await newOnes(TESTED)).toEqual(wanted);
  });
});
