/** Real containers: a busybox root, the real kernel. Needs root; runs on cgroup v1, hybrid and v2. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../base/index.ts";
import type { Process, RuntimeConfig } from "../../spec/index.ts";
import { reap, syscall } from "../../sys/index.ts";
import { removeCgroup } from "../cgroup/remove.ts";
import { loadState } from "../state.ts";
import { type CreateOptions, createContainer } from "./create.ts";
import { execProcess } from "./exec.ts";
import { startContainer } from "./start.ts";

const isRoot = process.getuid?.() === 0;
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
const canRun = isRoot && BUSYBOX !== undefined;
if (!canRun) console.log(`skipped: containers need ${isRoot ? "busybox-static" : "root"}`);

const APPLETS = [
  "sh",
  "id",
  "cat",
  "hostname",
  "mount",
  "sleep",
  "true",
  "stat",
  "ls",
  "readlink",
  "tty",
  "touch",
];
const ALL_CAPABILITIES = ["CAP_KILL", "CAP_CHOWN", "CAP_NET_BIND_SERVICE"];
let temporary = "";
let count = 0;

beforeAll(() => {
  temporary = mkdtempSync("/tmp/teu-create-");
  chmodSync(temporary, 0o755);
});
afterAll(() => {
  rmSync(temporary, { recursive: true, force: true });
});

interface Bundle {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
}

function makeBundle(change: (config: RuntimeConfig) => RuntimeConfig = (config) => config): Bundle {
  const id = `create-test-${process.pid}-${count++}`;
  const bundle = join(temporary, id);
  const rootfs = join(bundle, "rootfs");
  for (const directory of ["bin", "etc", "dev", "proc", "sys"])
    mkdirSync(join(rootfs, directory), { recursive: true });
  copyFileSync(BUSYBOX ?? "", join(rootfs, "bin/busybox"));
  chmodSync(join(rootfs, "bin/busybox"), 0o755);
  for (const applet of APPLETS) symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
  );
  writeFileSync(join(bundle, "config.json"), JSON.stringify(change(baseConfig())));
  return { id, bundle, rootfs };
}

function baseConfig(): RuntimeConfig {
  const capabilities = {
    bounding: ALL_CAPABILITIES,
    effective: ALL_CAPABILITIES,
    permitted: ALL_CAPABILITIES,
  };
  return {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    hostname: "box",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/bin"],
      cwd: "/",
      capabilities,
      noNewPrivileges: true,
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
      },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
      },
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777"],
      },
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      maskedPaths: ["/proc/version", "/proc/acpi", "/proc/not-there"],
      readonlyPaths: ["/proc/sys"],
    },
  };
}

const withProcess =
  (change: Partial<Process>) =>
  (config: RuntimeConfig): RuntimeConfig => ({
    ...config,
    process: { ...(config.process as Process), ...change },
  });
const withScript = (script: string, change: Partial<Process> = {}) =>
  withProcess({ args: ["sh", "-c", script], ...change });

/** Creates, starts and waits; gives what the container printed. Everything is gone afterwards. */
function run(
  made: Bundle,
  options: Partial<CreateOptions> = {},
): { status: number | undefined; output: string } {
  const root = join(temporary, "state");
  const file = join(made.bundle, "output");
  const output = openSync(file, "w");
  const devNull = openSync("/dev/null", "r");
  try {
    const { pid, pidfd } = createContainer({
      root,
      containerID: made.id,
      bundle: made.bundle,
      stdio: [devNull, output, output],
      dieWithParent: true,
      ...options,
    });
    const { cgroupPaths } = loadState(root, made.id);
    try {
      startContainer(root, made.id);
      return { status: reap(pid, { wait: true })?.status, output: readFileSync(file, "utf8") };
    } finally {
      syscall("pidfd_send_signal", pidfd, 9, 0, 0);
      reap(pid, { wait: true });
      syscall("close", pidfd);
      removeCgroup(cgroupPaths);
      rmSync(join(root, made.id), { recursive: true });
    }
  } finally {
    closeSync(output);
    closeSync(devNull);
  }
}

/** The code of what a create throws; and nothing may be left of it. */
function refusal(made: Bundle, options: Partial<CreateOptions> = {}): string {
  const root = join(temporary, "state");
  try {
    run(made, options);
  } catch (error) {
    expect(existsSync(join(root, made.id))).toBe(false);
    expect(existsSync(`/sys/fs/cgroup/pids/${made.id}`)).toBe(false);
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return "created";
}

test.skipIf(!canRun)(
  "PID 1 has its hostname, its user, its capabilities and nothing of the host's descriptors",
  () => {
    const { status, output } = run(
      makeBundle(
        withScript(
          "echo $$ $(hostname) $(id -u); grep() { while read a b; do case $a in $1*) echo $a $b;; esac; done; }; grep Cap < /proc/self/status; grep NoNew < /proc/self/status; ls /proc/self/fd",
        ),
      ),
    );
    expect(output.split("\n")).toEqual([
      "1 box 0",
      "CapInh: 0000000000000000",
      "CapPrm: 0000000000000421",
      "CapEff: 0000000000000421",
      "CapBnd: 0000000000000421",
      "CapAmb: 0000000000000000",
      "NoNewPrivs: 1",
      "0",
      "1",
      "2",
      "3",
      "",
    ]);
    expect(status).toBe(0);
  },
);

test.skipIf(!canRun)("a user, its groups, its umask, its home and its directory", () => {
  const user = { uid: 1000, gid: 1000, additionalGids: [7, 8], umask: 0o027 };
  const { output } = run(
    makeBundle(withScript("id; umask; echo $HOME; pwd; touch x 2>&1", { user, cwd: "/made/for it" })),
  );
  expect(output).toBe(
    "uid=1000(user) gid=1000 groups=7,8\n0027\n/home/user\n/made/for it\ntouch: x: Permission denied\n",
  );
});

test.skipIf(!canRun)("masked and read-only paths: nothing is read, nothing is written", () => {
  const script =
    'cat /proc/version | { read a; echo "[$a]"; }; ls /proc/acpi; echo 1 > /proc/sys/kernel/domainname';
  const { output } = run(makeBundle(withScript(script)));
  expect(output).toBe("[]\nsh: can't create /proc/sys/kernel/domainname: Read-only file system\n");
});

test.skipIf(!canRun)("a user namespace: root inside is nobody outside, and the devices work", () => {
  const made = makeBundle((config) => {
    const linux = {
      ...config.linux,
      namespaces: [...(config.linux?.namespaces ?? []), { type: "user" as const }],
    };
    const mapping = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
    const changed = { ...config, linux: { ...linux, uidMappings: mapping, gidMappings: mapping } };
    return withScript(
      "id -u; cat /proc/self/uid_map; echo x > /dev/null && echo fine; touch /dev/shm/a; stat -c %u /dev/shm/a; hostname",
    )(changed);
  });
  chownSync(made.rootfs, 200_000, 200_000);
  const { status, output } = run(made);
  expect(output.replace(/ +/g, " ")).toBe("0\n 0 200000 65536\nfine\n0\nbox\n");
  expect(status).toBe(0);
});

test.skipIf(!canRun)(
  "a bind of a file over a dangling link makes what the link leads to, inside the root",
  () => {
    const made = makeBundle((config) => {
      const bind = {
        destination: "/etc/resolv.conf",
        type: "bind",
        source: "/etc/hostname",
        options: ["bind", "ro"],
      };
      return withScript("cat /etc/resolv.conf > /dev/null && readlink /etc/resolv.conf; ls /run/a/b")({
        ...config,
        mounts: [...(config.mounts ?? []), bind],
      });
    });
    symlinkSync("/run/a/b/resolv.conf", join(made.rootfs, "etc/resolv.conf"));
    expect(run(made).output).toBe("/run/a/b/resolv.conf\nresolv.conf\n");
    expect(existsSync("/run/a")).toBe(false);
  },
);

test.skipIf(!canRun)("a destination behind a link that leads out stays inside the root (2021-30465)", () => {
  const outside = mkdtempSync(join(temporary, "outside-"));
  const made = makeBundle((config) => {
    const mount = { destination: "/link/deep/er", type: "tmpfs", source: "tmpfs" };
    return withScript("true")({ ...config, mounts: [...(config.mounts ?? []), mount] });
  });
  symlinkSync(outside, join(made.rootfs, "link"));
  expect(run(made).status).toBe(0);
  expect(readdirSync(outside)).toEqual([]);
  expect(lstatSync(join(made.rootfs, outside, "deep/er")).isDirectory()).toBe(true);
});

test.skipIf(!canRun)("/proc as a link is refused (2019-19921)", () => {
  const made = makeBundle(withScript("true"));
  rmSync(join(made.rootfs, "proc"), { recursive: true });
  symlinkSync("/etc", join(made.rootfs, "proc"));
  expect(refusal(made)).toStartWith("not-ordinary-directory: mounts[0] /proc");
});

test.skipIf(!canRun)("what is wrong with the program is said as callers know it, and nothing is left", () => {
  expect(refusal(makeBundle(withProcess({ args: ["nope"] })))).toBe(
    'program-not-runnable: exec: "nope": executable file not found in $PATH',
  );
  expect(refusal(makeBundle(withProcess({ args: ["/bin/nope"] })))).toBe(
    'program-not-runnable: exec: "/bin/nope": stat /bin/nope: no such file or directory',
  );
  expect(refusal(makeBundle(withProcess({ args: ["/etc/passwd"] })))).toBe(
    'program-not-runnable: exec: "/etc/passwd": permission denied',
  );
  expect(refusal(makeBundle(withProcess({ args: ["/etc"] })))).toBe(
    'program-not-runnable: exec: "/etc": permission denied',
  );
});

test.skipIf(!canRun)("an unreadable format fails at start, after the gate", () => {
  const made = makeBundle(withProcess({ args: ["/bin/broken"] }));
  writeFileSync(join(made.rootfs, "bin/broken"), "no program", { mode: 0o755 });
  expect(refusal(made)).toBe("program-not-runnable: exec /bin/broken: exec format error");
});

test.skipIf(!canRun)("cwd through a descriptor of /proc/self/fd does not lead out (2024-21626)", () => {
  for (let descriptor = 3; descriptor < 12; descriptor++) {
    const said = refusal(makeBundle(withScript("true", { cwd: `/proc/self/fd/${descriptor}` })));
    expect(said).not.toBe("created");
  }
});

test.skipIf(!canRun)("the same ID twice is refused, and the first is not touched", () => {
  const made = makeBundle(withScript("sleep 5"));
  const root = join(temporary, "state");
  const devNull = openSync("/dev/null", "r+");
  const options = {
    root,
    containerID: made.id,
    bundle: made.bundle,
    stdio: [devNull, devNull, devNull] as const,
    dieWithParent: true,
  };
  const { pid, pidfd } = createContainer(options);
  try {
    expect(() => createContainer(options)).toThrow("container with given ID already exists");
    expect(loadState(root, made.id).pid).toBe(pid);
  } finally {
    const { cgroupPaths } = loadState(root, made.id);
    syscall("pidfd_send_signal", pidfd, 9, 0, 0);
    reap(pid, { wait: true });
    syscall("close", pidfd);
    removeCgroup(cgroupPaths);
    closeSync(devNull);
    rmSync(join(root, made.id), { recursive: true });
  }
});

test.skipIf(!canRun)("start on a container whose init is dead says so at once", () => {
  const made = makeBundle(withScript("true"));
  const root = join(temporary, "state");
  const { pid, pidfd } = createContainer({
    root,
    containerID: made.id,
    bundle: made.bundle,
    stdio: [0, 1, 2],
    dieWithParent: true,
  });
  const { cgroupPaths } = loadState(root, made.id);
  syscall("pidfd_send_signal", pidfd, 9, 0, 0);
  reap(pid, { wait: true });
  syscall("close", pidfd);
  let caught: unknown;
  try {
    startContainer(root, made.id);
  } catch (error) {
    caught = error;
  }
  removeCgroup(cgroupPaths);
  rmSync(join(root, made.id), { recursive: true });
  expect(hasCode(caught, "cannot-start")).toBe(true);
  expect((caught as Error).message).toBe("cannot start a container that has stopped");
});

test.skipIf(!canRun)("exec runs in the container's namespaces, with its own user and directory", async () => {
  const made = makeBundle(withScript("while [ ! -e /dev/shm/go ]; do sleep 0.05; done"));
  const root = join(temporary, "state");
  const file = join(made.bundle, "exec-output");
  const output = openSync(file, "w");
  const { pid, pidfd } = createContainer({
    root,
    containerID: made.id,
    bundle: made.bundle,
    stdio: [0, 1, 2],
    dieWithParent: true,
  });
  const { cgroupPaths } = loadState(root, made.id);
  try {
    startContainer(root, made.id);
    const process = {
      user: { uid: 1000, gid: 5 },
      args: ["sh", "-c", "hostname; id -u; id -g; pwd; echo $HOME; ls /proc/1/fd 2>&1; exit 7"],
      cwd: "/etc",
      env: ["PATH=/bin"],
    };
    const executed = await execProcess(root, made.id, process, { stdio: [0, output, output] });
    expect(reap(executed, { wait: true })?.status).toBe(7);
    expect(readFileSync(file, "utf8")).toBe(
      "box\n1000\n5\n/etc\n/home/user\nls: can't open '/proc/1/fd': Permission denied\n",
    );
    await expect(
      execProcess(root, made.id, { ...process, args: ["nope"] }, { stdio: [0, 1, 2] }),
    ).rejects.toThrow('exec: "nope": executable file not found in $PATH');
  } finally {
    closeSync(output);
    syscall("pidfd_send_signal", pidfd, 9, 0, 0);
    reap(pid, { wait: true });
    syscall("close", pidfd);
    removeCgroup(cgroupPaths);
    rmSync(join(root, made.id), { recursive: true });
  }
});
