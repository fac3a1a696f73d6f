/**
 * Mounts: every option of the specification, what is made where something is missing, propagation, the ways into the root.
 * What runc 1.1 can do too is compared with it; what it cannot is compared with the specification.
 */
import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { needs, program, root, swift } from "../../support/needs.ts";
import {
  type Change,
  changes,
  mount,
  withLinux,
  withMounts,
  withProcess,
  withUserNamespace,
} from "../support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../support/runtime.ts";
import type { Finished } from "../teu.ts";

const test = needs(root, program("busybox"));
const together = needs(root, program("busybox"), program("runc"), swift);

/** Mount point, options, propagation, type and options of the file system, of the mounts at or below `paths`. */
const MOUNTED = (...paths: string[]): string =>
  `grep -E ' (${paths.join("|")})(/[^ ]*)? ' /proc/self/mountinfo | cut -d' ' -f5-`;
/** What differs by chance or by the kernel. */
const stable = (output: string): string =>
  output
    .replaceAll(/(shared|master|propagate_from):\d+/g, "$1:N")
    .replaceAll(/,(?:huge|inode64)[^ ,\n]*/g, "")
    .replaceAll(/(ro|rw),seclabel/g, "$1");
/** runc 1.1 makes the file system read-only where the option is about the mount. */
const mountOnly = (output: string): string => stable(output).replaceAll(/( - \S+ \S+) (ro|rw)/g, "$1");

interface Case {
  readonly clause: string;
  readonly says: string;
  readonly script: string;
  readonly change?: (bundle: { path: string; rootfs: string }) => Change;
  readonly prepare?: (bundle: { path: string; rootfs: string }) => void;
  readonly flags?: readonly string[];
  readonly normalise?: (output: string) => string;
  readonly contains: string;
}

const DEVICES = "config-linux.md#devices";
const OPTIONS = "config.md#linux-mount-options";
const ATTRIBUTES = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "strictatime", "relatime"];

const cases: readonly Case[] = [
  ...ATTRIBUTES.map((word) => ({
    clause: OPTIONS,
    says: `a tmpfs and a bind with ${word}`,
    script: MOUNTED("/t", "/b"),
    change: () =>
      withMounts(
        mount("/t", "tmpfs", "x", "mode=755", word),
        mount("/b", "bind", "rootfs/tmp", "rbind", word),
      ),
    normalise: mountOnly,
    contains: "/b ",
  })),
  {
    clause: OPTIONS,
    says: "the last word about a thing counts, words that unset are known",
    script: MOUNTED("/t"),
    change: () =>
      withMounts(
        mount("/t", "tmpfs", "x", "mode=755", "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec"),
        mount("/t/1", "tmpfs", "x", "mode=755", "diratime", "norelatime", "nostrictatime", "atime"),
        mount(
          "/t/2",
          "tmpfs",
          "x",
          "mode=755",
          "async",
          "nomand",
          "noiversion",
          "nolazytime",
          "loud",
          "symfollow",
        ),
      ),
    normalise: stable,
    contains: "/t/2 ",
  },
  {
    clause: OPTIONS,
    says: "words about the file system",
    script: MOUNTED("/t"),
    change: () =>
      withMounts(
        mount("/t", "tmpfs", "x", "mode=755", "sync", "dirsync", "silent"),
        mount("/t/1", "tmpfs", "x", "mode=755", "lazytime", "iversion"),
        mount("/t/2", "tmpfs", "y", "mode=755", "size=4096", "nr_inodes=20"),
      ),
    normalise: stable,
    contains: "sync,dirsync",
  },
  {
    clause: OPTIONS,
    says: "words for a whole tree",
    script: `${MOUNTED("/r")}; touch /r/sub/x; echo $?`,
    prepare: ({ path }) => mkdirSync(join(path, "tree/sub"), { recursive: true }),
    change: ({ path }) =>
      withMounts(
        mount("/src", "bind", join(path, "tree"), "rbind"),
        mount("/src/sub", "tmpfs", "x", "mode=755"),
        mount(
          "/r",
          "bind",
          join(path, "tree"),
          "rbind",
          "rro",
          "rnosuid",
          "rnodev",
          "rnoexec",
          "rnoatime",
          "rnodiratime",
        ),
      ),
    normalise: stable,
    contains: "/r ro,nosuid,nodev,noexec",
  },
  ...["private", "shared", "slave", "unbindable", "rprivate", "rshared", "rslave", "runbindable"].map(
    (word) => ({
      clause: OPTIONS,
      says: `a mount that is ${word}`,
      script: MOUNTED("/p", "/b"),
      change: () =>
        withMounts(
          mount("/p", "tmpfs", "x", "mode=755", word),
          mount("/b", "bind", "rootfs/tmp", "rbind", word),
        ),
      normalise: stable,
      contains: "/p ",
    }),
  ),
  {
    clause: OPTIONS,
    says: "a remount changes what is there",
    script: MOUNTED("/t"),
    change: () =>
      withMounts(
        mount("/t", "tmpfs", "x", "mode=755", "size=8192"),
        mount("/t", "tmpfs", "x", "remount", "nosuid", "size=16384"),
      ),
    normalise: stable,
    contains: "size=16k",
  },
  {
    clause: "config.md#mounts",
    says: "a tmpfs has the mode of the directory that it covers, or the usual one",
    script: "stat -c '%a %u %n' /covered /new /deep/new",
    prepare: ({ rootfs }) => {
      mkdirSync(join(rootfs, "covered"));
      chmodSync(join(rootfs, "covered"), 0o2751);
    },
    change: () =>
      withMounts(
        mount("/covered", "tmpfs", "x"),
        mount("/new", "tmpfs", "x"),
        mount("/deep/new", "tmpfs", "x"),
      ),
    contains: "2751",
  },
  {
    clause: "config.md#mounts",
    says: "destinations that are spelt badly or missing",
    script: MOUNTED("/d", "/f", "/a"),
    change: () =>
      withMounts(
        mount("//d/./e/", "tmpfs", "x", "mode=755"),
        mount("/a/../a/b", "tmpfs", "x", "mode=755"),
        mount("/f/file", "bind", "rootfs/etc/passwd", "bind"),
      ),
    prepare: ({ rootfs }) => mkdirSync(join(rootfs, "a")),
    normalise: stable,
    contains: "/d/e",
  },
  {
    clause: "config.md#mounts",
    says: "a file that does not exist behind a link that leads nowhere",
    script: "cat /etc/resolv.conf; readlink /etc/resolv.conf; ls -l /run/made/resolv.conf | cut -c1-10",
    prepare: ({ rootfs }) => symlinkSync("../run/made/resolv.conf", join(rootfs, "etc/resolv.conf")),
    change: () => withMounts(mount("/etc/resolv.conf", "bind", "rootfs/etc/passwd", "bind", "ro")),
    contains: "root:x",
  },
  {
    clause: "config.md#mounts",
    says: "file systems of the kernel's",
    script: `${MOUNTED("/q", "/p", "/s", "/x")}; ls -ld /x/ptmx | cut -c1-10; ls /p/self/stat`,
    change: () =>
      withMounts(
        mount("/q", "mqueue", "mqueue", "nosuid"),
        mount("/p", "proc", "proc", "nodev"),
        mount("/s", "sysfs", "sysfs", "ro"),
        mount("/x", "devpts", "devpts", "newinstance", "ptmxmode=0600", "mode=620"),
      ),
    normalise: mountOnly,
    contains: "/q ",
  },
  {
    clause: "config.md#mounts",
    says: "what lxcfs covers below /proc",
    script: "cat /proc/uptime; cat /proc/meminfo | head -1",
    prepare: ({ path }) => writeFileSync(join(path, "fake"), "faked\n"),
    change: ({ path }) =>
      withMounts(
        mount("/proc/uptime", "bind", join(path, "fake"), "bind"),
        mount("/proc/meminfo", "bind", join(path, "fake"), "bind", "ro"),
      ),
    contains: "faked\nfaked",
  },
  {
    clause: "config.md#mounts",
    says: "tmpcopyup: files, links, owners, modes, times",
    script:
      "cd /copied && find . | sort | xargs stat -c '%n %F %a %u %g %Y %s'; cat file; sha256sum deep/er/file; readlink link",
    prepare: ({ rootfs }) => plantTree(join(rootfs, "copied")),
    change: () => withMounts(mount("/copied", "tmpfs", "tmpfs", "tmpcopyup")),
    // runc gives what it copies the time of the copying.
    normalise: (output) => output.replaceAll(/ \d{9,} (\d+)$/gm, " $1"),
    contains: "file regular file 4640 7 8",
  },
  ...["private", "slave", "rprivate", "rslave"].map((word) => ({
    clause: "config-linux.md#rootfs-mount-propagation",
    says: `a root that is ${word}`,
    script: "cut -d' ' -f5,7 /proc/self/mountinfo | head -1",
    change: () => withLinux({ rootfsPropagation: word }),
    normalise: stable,
    contains: "/ ",
  })),
  {
    clause: "runc create --no-pivot",
    says: "the host's procfs and sysfs are gone",
    script: "cut -d' ' -f5 /proc/self/mountinfo | sort; ls / | wc -l; ls /proc/1/root/ | wc -l",
    flags: ["--no-pivot"],
    contains: "/dev/pts",
  },
  {
    clause: "config-linux.md#masked-paths",
    says: "files, folders, what is missing, what is named twice",
    script: "cat /secret | wc -c; ls /hidden | wc -l; echo x >/hidden/x; echo $?; cat /proc/version | wc -c",
    prepare: ({ rootfs }) => {
      writeFileSync(join(rootfs, "secret"), "secret");
      mkdirSync(join(rootfs, "hidden/folder"), { recursive: true });
    },
    change: () =>
      withLinux({ maskedPaths: ["/secret", "/hidden", "/not-there", "/secret", "/hidden", "/proc/version"] }),
    normalise: (output) => output.replaceAll(/.*(Read-only|Permission).*\n/g, ""),
    contains: "0\n0\n1\n0",
  },
  {
    clause: "config-linux.md#readonly-paths",
    says: "they keep what else the mount is",
    script: `${MOUNTED("/t")}; touch /t/x/y 2>&1`,
    change: () =>
      changes(
        withMounts(
          mount("/t", "tmpfs", "x", "mode=755", "nosuid", "nodev", "noexec"),
          mount("/t/x", "tmpfs", "y", "mode=700", "nosuid"),
        ),
        withLinux({ readonlyPaths: ["/t/x", "/not-there"] }),
      ),
    normalise: mountOnly,
    contains: "Read-only file system",
  },
  {
    clause: DEVICES,
    says: "character devices by either letter, block devices, fifos",
    script: "cd /dev && stat -c '%n %F %a %u %g %t %T' c u b p sub/c",
    change: () =>
      withLinux({
        devices: [
          { path: "/dev/c", type: "c", major: 10, minor: 229 },
          { path: "/dev/u", type: "u", major: 1, minor: 300, fileMode: 0o400 },
          { path: "/dev/b", type: "b", major: 7, minor: 0, fileMode: 0o660, uid: 5, gid: 6 },
          { path: "/dev/p", type: "p", fileMode: 0o600 },
          { path: "/dev/sub/c", type: "c", major: 4095, minor: 70_000, fileMode: 0o1777 },
        ],
      }),
    contains: "fifo",
  },
  {
    clause: "config-linux.md#devices",
    says: "in a user namespace they are the host's",
    script:
      "cd /dev && stat -c '%n %F %t %T' null zero full random urandom tty; echo x >null; head -c1 zero | wc -c",
    change: () => withUserNamespace(100_000),
    contains: "null character special file 1 3",
  },
  {
    clause: "config-linux.md#control-groups",
    says: "the cgroup mount of a user namespace",
    script:
      "mkdir /sys/fs/cgroup/x /sys/fs/cgroup/*/x 2>&1 | grep -c -e Read-only -e denied | grep -cv '^0$'",
    change: () => withUserNamespace(100_000),
    contains: "1",
  },
];

function plantTree(folder: string): void {
  mkdirSync(join(folder, "deep/er"), { recursive: true });
  writeFileSync(join(folder, "file"), "content\n");
  chownSync(join(folder, "file"), 7, 8);
  chmodSync(join(folder, "file"), 0o4640);
  writeFileSync(join(folder, "deep/er/file"), "x".repeat(100_000));
  symlinkSync("/etc/passwd", join(folder, "link"));
  chmodSync(join(folder, "deep"), 0o700);
  utimesSync(join(folder, "deep/er"), 1_000_000_000, 1_000_000_000);
}

/** A mount on the host, below a bundle: gone when it is disposed of. */
function mountOnHost(...words: readonly string[]): Disposable {
  const place = words.at(-1) ?? "";
  const { exitCode, stderr } = Bun.spawnSync(["mount", ...words]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return {
    [Symbol.dispose]() {
      Bun.spawnSync(["umount", "--lazy", "--recursive", place]);
    },
  };
}

async function answerOf(runtime: Runtime, item: Case): Promise<Finished> {
  await using container = new Container(runtime);
  item.prepare?.(container.bundle);
  container.configure(item.script, item.change?.(container.bundle));
  const { status, stdout, stderr } = await container.call(["run", ...(item.flags ?? []), container.id]);
  const normalise = item.normalise ?? ((output: string) => output);
  return { status, stdout: normalise(stdout), stderr: normalise(stderr) };
}

describe(`mounts of a container of ${TESTED.name} are those of one of runc`, () => {
  together.each([...cases])("$clause: $says", async (item) => {
    const wanted = await answerOf(RUNC, item);
    expect(wanted.stdout).toContain(item.contains);
    expect(await answerOf(TESTED, item)).toEqual(wanted);
  });
});

describe(`mounts of a container of ${TESTED.name} that runc 1.1 makes otherwise, or not at all`, () => {
  /** Runs `script`; what it says on stderr has to be nothing. */
  async function outputOf(
    container: Container,
    script: string,
    change: Change,
    ...flags: string[]
  ): Promise<string> {
    container.configure(script, change);
    const { stdout, stderr } = await container.call(["run", ...flags, container.id]);
    expect(stderr).toBe("");
    return stable(stdout);
  }

  test("config.md#mounts: a relative destination starts at the root", async () => {
    await using container = new Container();
    const change = withMounts(mount("relative/x", "tmpfs", "x", "mode=755", "defaults"));
    expect(await outputOf(container, MOUNTED("/relative"), change)).toStartWith("/relative/x rw,relatime");
  });

  test.each([
    { word: "shared", want: "/ shared:N" },
    { word: "rshared", want: "/ shared:N" },
    { word: "unbindable", want: "/ unbindable" },
    { word: "runbindable", want: "/ unbindable" },
  ])("config-linux.md#rootfs-mount-propagation: a root that is $word", async ({ word, want }) => {
    await using container = new Container();
    const before = readFileSync("/proc/self/mountinfo", "utf8").split("\n").slice(0, 5);
    const script = "cut -d' ' -f5,7 /proc/self/mountinfo | head -1; ls /data";
    const change = changes(
      withLinux({ rootfsPropagation: word }),
      withMounts(mount("/data", "bind", "rootfs/etc", "rbind")),
    );
    expect(await outputOf(container, script, change)).toBe(`${want}\ngroup\npasswd\n`);
    expect(readFileSync("/proc/self/mountinfo", "utf8").split("\n").slice(0, 5)).toEqual(before);
  });

  test.each(["slave", "rslave"])(
    "config-linux.md#rootfs-mount-propagation: the root of a shared tree is its slave: %s",
    async (word) => {
      await using container = new Container();
      const script = "cut -d' ' -f5,7 /proc/self/mountinfo | head -1";
      container.configure(script, withLinux({ rootfsPropagation: word }));
      const run = container.words("run", "--bundle", container.bundle.path, container.id);
      const apart = 'mount --make-rshared / && exec "$@"';
      const { stdout } = Bun.spawnSync(["unshare", "--mount", "sh", "-c", apart, "sh", ...run]);
      expect(stable(stdout.toString())).toBe("/ master:N\n");
    },
  );

  test.each(
    ["shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"].flatMap(
      (word) =>
        [false, true].flatMap((isApart) => [
          { word, flags: [], isApart },
          { word, flags: ["--no-pivot"], isApart },
        ]),
    ),
  )(
    "config-linux.md#rootfs-mount-propagation: of a shared tree nothing is unmounted on the host: $word $flags, apart: $isApart",
    async ({ word, flags, isApart }) => {
      await using container = new Container();
      container.configure(
        "grep -c . /proc/self/mountinfo",
        changes(withLinux({ rootfsPropagation: word }), withMounts(mount("/x", "tmpfs", "x", "mode=755"))),
      );
      // Not what others have mounted meanwhile: it goes from here, too, when they remove where it was.
      const count = `cut -d' ' -f5 /proc/self/mountinfo | awk -v own="$PWD" 'index($0, own) == 1 || !/^\\/(tmp|run)\\//' | sort`;
      // The mount that the rootfs lies on is private anyhow: mostly it is not that of the host's procfs.
      const apart = isApart ? 'mount --bind "$PWD" "$PWD" && cd "$PWD" && ' : "";
      const script = `${apart}mount --make-rshared / && ${count} >before && "$@" && ${count} >after && cmp before after && echo same`;
      const run = container.words("run", ...flags, "--bundle", container.bundle.path, container.id);
      const { stdout } = Bun.spawnSync(["unshare", "--mount", "sh", "-c", script, "sh", ...run], {
        cwd: container.bundle.path,
      });
      expect(stdout.toString()).toEndWith("same\n");
    },
  );

  test("config-linux.md#rootfs-mount-propagation: a mount on the host arrives in a slave", async () => {
    await using container = new Container();
    const folder = join(container.bundle.path, "volume");
    mkdirSync(join(folder, "later"), { recursive: true });
    using _volume = mountOnHost("-t", "tmpfs", "x", folder);
    Bun.spawnSync(["mount", "--make-shared", folder]);
    mkdirSync(join(folder, "later"));
    container.configure(
      "until [ -e /volume/later/mark ]; do sleep 0.02; done; echo arrived",
      withMounts(mount("/volume", "bind", folder, "rbind", "rslave")),
    );
    await container.call(["run", "-d", container.id]);
    using _later = mountOnHost("-t", "tmpfs", "y", join(folder, "later"));
    writeFileSync(join(folder, "later/mark"), "");
    await container.waitFor("stopped");
    expect(container.outputOf(1)).toBe("arrived\n");
  });

  test("config.md#linux-mount-options: nosymfollow, for a mount and for a tree; the access times of a tree", async () => {
    await using container = new Container();
    const folder = join(container.bundle.path, "tree");
    mkdirSync(folder);
    using _tree = mountOnHost("-t", "tmpfs", "-o", "noatime", "x", folder);
    mkdirSync(join(folder, "sub"));
    symlinkSync("file", join(folder, "sub/link"));
    writeFileSync(join(folder, "sub/file"), "read\n");
    using _sub = mountOnHost("--bind", join(folder, "sub"), join(folder, "sub"));
    const change = withMounts(
      mount("/one", "bind", folder, "rbind", "nosymfollow"),
      mount("/all", "bind", folder, "rbind", "rnosymfollow", "rstrictatime"),
    );
    const script = `cat /one/sub/link; cat /all/sub/link 2>&1; cat /all/sub/file; ${MOUNTED("/one", "/all")} | cut -d' ' -f1,2`;
    const lines = (await outputOf(container, script, change)).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "read",
      "cat: can't open '/all/sub/link': Too many levels of symbolic links",
      "read",
    ]);
    expect(lines.slice(3)).toEqual(
      expect.arrayContaining([
        "/one rw,noatime,nosymfollow",
        "/one/sub rw,noatime",
        "/all rw,nosymfollow",
        "/all/sub rw,nosymfollow",
      ]),
    );
  });

  test("config.md#mounts: a source in the root is what an earlier mount shows there, a file or a directory", async () => {
    await using container = new Container();
    const { path, rootfs } = container.bundle;
    mkdirSync(join(path, "tree/sub"), { recursive: true });
    writeFileSync(join(path, "tree/sub/file"), "read\n");
    const change = withMounts(
      mount("/first", "bind", join(path, "tree"), "rbind"),
      mount("/first/sub/file", "bind", join(path, "config.json"), "bind"),
      mount("/directory", "bind", join(rootfs, "first/sub"), "rbind"),
      mount("/file", "bind", join(rootfs, "directory/file"), "bind"),
    );
    const script = "grep -c ociVersion /directory/file /file; ls /first/sub";
    expect(await outputOf(container, script, change)).toBe("/directory/file:1\n/file:1\nfile\n");
    container.configure("true", withMounts(mount("/x", "bind", join(rootfs, "nowhere"), "bind")));
    const { status, stderr } = await container.call(["run", container.id]);
    expect(status).toBe(1);
    expect(stderr).toContain("mounts[7].source /x");
    expect(stderr).toContain("no such file or directory");
  });

  test("config-linux.md#masked-paths: what is named twice is covered once", async () => {
    await using container = new Container();
    const change = withLinux({
      maskedPaths: ["/tmp", "/tmp", "/etc/group", "/etc/group"],
      readonlyPaths: ["/proc/sys", "/proc/sys"],
    });
    await container.configure("true", change).call(["create", container.id]);
    const { pid } = JSON.parse((await container.call(["state", container.id])).stdout);
    const mounted = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
    const times = (path: string): number => mounted.filter((line) => line.split(" ")[4] === path).length;
    expect(["/tmp", "/etc/group", "/proc/sys"].map(times)).toEqual([1, 1, 1]);
  });

  test("config.md#mounts: tmpcopyup copies what is no file, attributes and times", async () => {
    await using container = new Container();
    const folder = join(container.bundle.rootfs, "copied");
    plantTree(folder);
    const script = [
      "mkfifo -m 604 fifo; mknod -m 640 device c 1 3; chown 9:9 fifo; chmod 1777 deep; touch -d @1000000000.5 file deep/er",
      "setfattr -n user.mark -v seen file; setcap cap_net_raw=ep deep/er/file; ln file hard",
      "printf x >$(printf 'not\\377utf8')",
    ].join("; ");
    const { stderr } = Bun.spawnSync(["bash", "-c", script], { cwd: folder });
    expect(
      stderr.toString().replaceAll(/.*(command not found|Operation not supported|not supported)\n/g, ""),
    ).toBe("");
    const about = "cd /copied && stat -c '%n %F %a %u %g %Y %t' device deep deep/er fifo file hard not*utf8";
    const want = await outputOf(container, about, (config) => config);
    expect(want.replaceAll("\ufffd", "?")).toContain("fifo fifo 604 9 9");
    const change = withMounts(mount("/copied", "tmpfs", "tmpfs", "tmpcopyup"));
    expect(await outputOf(container, about, change)).toBe(want);
  });

  test("config.md#mounts: tmpcopyup of more than one segment, and of too much", async () => {
    await using container = new Container();
    const folder = join(container.bundle.rootfs, "copied");
    mkdirSync(folder);
    // A disk takes seconds to make and remove so many files.
    using _inMemory = mountOnHost("-t", "tmpfs", "tmpfs", folder);
    for (let index = 0; index < 2500; index++) writeFileSync(join(folder, `file-${index}`), `${index}`);
    const change = withMounts(mount("/copied", "tmpfs", "tmpfs", "tmpcopyup"));
    const script =
      "ls /copied | wc -l; cat /copied/file-0 /copied/file-1999 /copied/file-2499; mount | grep -c copied";
    expect(await outputOf(container, script, change)).toBe("2500\n0199924992\n");
    Bun.spawnSync(["sh", "-c", "seq 18000 | xargs touch"], { cwd: folder });
    const { status, stderr } = await container.run();
    expect(status).toBe(1);
    expect(stderr).toContain("Cannot copy /copied into its tmpfs: it holds more than 20000 files");
  });

  test("config.md#mounts: a bind keeps what its source's mount is, unless the document says otherwise", async () => {
    await using container = new Container();
    const folder = join(container.bundle.path, "volume");
    mkdirSync(folder);
    using _volume = mountOnHost("-t", "tmpfs", "-o", "nosuid,nodev,noexec", "x", folder);
    const change = withMounts(mount("/data", "bind", folder, "bind", "ro", "exec"));
    const output = await outputOf(container, MOUNTED("/data"), change);
    expect(output).toStartWith("/data ro,nosuid,nodev,relatime");
  });

  test("a user namespace's root does not change what the host has locked, though it may mount", async () => {
    await using container = new Container();
    const folder = join(container.bundle.path, "volume");
    mkdirSync(folder);
    using _volume = mountOnHost("-t", "tmpfs", "-o", "mode=777", "x", folder);
    Bun.spawnSync(["mount", "-o", "remount,bind,ro,nosuid", folder]);
    Bun.spawnSync(["chown", "-R", "100000:100000", container.bundle.rootfs]);
    const capabilities = {
      bounding: ["CAP_SYS_ADMIN"],
      effective: ["CAP_SYS_ADMIN"],
      permitted: ["CAP_SYS_ADMIN"],
    };
    const change = changes(
      withUserNamespace(100_000),
      withMounts(mount("/data", "bind", folder, "bind")),
      withProcess({ capabilities }),
    );
    const script = `mount -o remount,bind,rw,suid /data 2>&1; ${MOUNTED("/data")}; touch /data/new && echo escaped`;
    const { stdout } = await container.configure(script, change).run();
    expect(stdout).toContain("/data ro,nosuid");
    expect(stdout).not.toContain("escaped");
  });

  test("a user namespace's root gets a source where it may not go", async () => {
    await using container = new Container();
    const folder = join(container.bundle.path, "closed/volume");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "file"), "reached\n");
    chmodSync(join(folder, ".."), 0o700);
    Bun.spawnSync(["chown", "-R", "100000:100000", container.bundle.rootfs]);
    const change = changes(withUserNamespace(100_000), withMounts(mount("/data", "bind", folder, "rbind")));
    expect(await outputOf(container, "cat /data/file", change)).toBe("reached\n");
  });

  // crun can too; runc says "permission denied".
  (TESTED.name === "runc" ? test.skip : test)(
    "a user namespace's root gets its own root where it may not go",
    async () => {
      await using container = new Container();
      const { path, rootfs } = container.bundle;
      Bun.spawnSync(["chown", "-R", "100000:100000", rootfs]);
      chmodSync(path, 0o700);
      expect(await outputOf(container, "stat -c %u /bin; id -u", withUserNamespace(100_000))).toBe("0\n0\n");
    },
  );

  test("a user namespace with tmpcopyup and a bind onto a link that leads nowhere", async () => {
    await using container = new Container();
    const { rootfs } = container.bundle;
    plantTree(join(rootfs, "run"));
    Bun.spawnSync(["chown", "-R", "100000:100000", rootfs]);
    chownSync(join(rootfs, "run/file"), 100_007, 100_008);
    chmodSync(join(rootfs, "run/file"), 0o4644);
    symlinkSync("/run/resolve/stub.conf", join(rootfs, "etc/resolv.conf"));
    const change = changes(
      withUserNamespace(100_000),
      withMounts(
        mount("/run", "tmpfs", "tmpfs", "tmpcopyup", "nosuid"),
        mount("/etc/resolv.conf", "bind", "rootfs/etc/passwd", "bind", "ro"),
      ),
    );
    const script =
      "cat /etc/resolv.conf | head -1; cd /run; stat -c '%n %a %u %g' file deep resolve/stub.conf; cat file";
    expect(await outputOf(container, script, change)).toBe(
      "root:x:0:0:root:/root:/bin/sh\nfile 4644 7 8\ndeep 700 0 0\nresolve/stub.conf 644 0 0\ncontent\n",
    );
  });

  test("runc create --no-pivot: nothing of the host's is left to be seen", async () => {
    await using container = new Container();
    const script =
      "grep -E ' - (proc|sysfs) ' /proc/self/mountinfo | cut -d' ' -f5 | sed 's|^/proc/.*|/proc/…|' | sort -u";
    expect(await outputOf(container, script, (config) => config, "--no-pivot")).toBe(
      "/proc\n/proc/…\n/sys\n",
    );
  });

  test.each([
    { says: "a tmpfs on /proc", mounts: [mount("/proc", "tmpfs", "x")], want: "not of type proc" },
    {
      says: "a folder on /proc",
      mounts: [mount("/proc", "bind", "rootfs", "rbind")],
      want: "not of type proc",
    },
    { says: "anything in /proc", mounts: [mount("/proc/self", "tmpfs", "x")], want: "inside /proc" },
    {
      says: "anything in /proc by a link",
      mounts: [mount("/link/self", "tmpfs", "x")],
      want: "inside /proc",
    },
    { says: "anything on the root", mounts: [mount("/", "tmpfs", "x")], want: "must not be the root" },
    {
      says: "options of a file system on a bind",
      mounts: [mount("/b", "bind", "rootfs", "rbind", "size=1")],
      want: "size",
    },
  ])("config.md#mounts: $says is refused", async ({ mounts, want }) => {
    await using container = new Container();
    symlinkSync("proc", join(container.bundle.rootfs, "link"));
    const { status, stdout, stderr } = await container
      .configure("echo escaped; ls /", withMounts(...mounts))
      .run();
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(want);
  });
});

describe(`id-mapped mounts of a container of ${TESTED.name}`, () => {
  const map = (hostID: number): { containerID: number; hostID: number; size: number }[] => [
    { containerID: 0, hostID, size: 65_536 },
  ];
  const listing = "stat -c '%n %u %g' /data/* /data/sub/*; touch /data/new; echo $?";

  /** A volume whose file system can map ids: a tmpfs since Linux 6.3, else an ext4 on a loop device. */
  function volume(container: Container): Disposable & { path: string } {
    const path = join(container.bundle.path, "volume");
    mkdirSync(path);
    const image = join(container.bundle.path, "image");
    Bun.spawnSync(["truncate", "-s", "8M", image]);
    const { exitCode, stderr } = Bun.spawnSync(["mkfs.ext4", "-q", "-F", image]);
    if (exitCode !== 0) throw new Error(stderr.toString());
    const mounted = mountOnHost("-o", "loop", image, path);
    rmSync(join(path, "lost+found"), { recursive: true });
    mkdirSync(join(path, "sub"));
    for (const name of ["file", "sub/file"]) {
      writeFileSync(join(path, name), "");
      chownSync(join(path, name), 1000, 1000);
    }
    return { path, [Symbol.dispose]: () => mounted[Symbol.dispose]() };
  }

  needs(
    root,
    program("busybox"),
    program("mkfs.ext4"),
  )("config-linux.md#idmap: maps of its own", async () => {
    await using container = new Container();
    using data = volume(container);
    const idmapped = {
      ...mount("/data", "bind", data.path, "rbind"),
      uidMappings: map(10_000),
      gidMappings: map(10_000),
    };
    container.configure(listing, withMounts(idmapped));
    const { stdout, stderr } = await container.run();
    // Id 1000 of the file system is 11,000 through the mount; root's id 0 is not mapped, and so it may not write.
    expect(stdout).toBe("/data/file 11000 11000\n/data/sub 10000 10000\n/data/sub/file 11000 11000\n1\n");
    expect(stderr).toContain("/data/new");
  });

  needs(
    root,
    program("busybox"),
    program("mkfs.ext4"),
  )("config-linux.md#idmap: the container's own user namespace", async () => {
    await using container = new Container();
    using data = volume(container);
    mkdirSync(join(container.bundle.rootfs, "data"));
    container.configure(
      `${listing}; stat -c '%u' /data/new`,
      changes(withUserNamespace(100_000), withMounts(mount("/data", "bind", data.path, "rbind", "ridmap"))),
    );
    const { stdout, stderr } = await container.run();
    expect(stderr).toBe("");
    expect(stdout).toBe("/data/file 1000 1000\n/data/sub 0 0\n/data/sub/file 1000 1000\n0\n0\n");
    expect(lstatSync(join(data.path, "new")).uid).toBe(0);
  });

  // As pods share one: the mapping is that of the namespace, whoever made it.
  needs(
    root,
    program("busybox"),
    program("mkfs.ext4"),
  )("config-linux.md#idmap: a user namespace that the container joins", async () => {
    await using first = new Container();
    first.configure("exec sleep 1000", withUserNamespace(100_000));
    await first.call(["run", "-d", first.id]);
    const { pid } = JSON.parse((await first.call(["state", first.id])).stdout) as { pid: number };
    await using container = new Container();
    using data = volume(container);
    mkdirSync(join(container.bundle.rootfs, "data"));
    const path = `/proc/${pid}/ns/user`;
    const joined: Change = (config) => ({
      ...config,
      linux: { ...config.linux, namespaces: [...(config.linux?.namespaces ?? []), { type: "user", path }] },
    });
    container.configure(
      `${listing}; stat -c '%u' /data/new`,
      changes(joined, withMounts(mount("/data", "bind", data.path, "rbind", "ridmap"))),
    );
    const { stdout, stderr } = await container.run();
    expect(stderr).toBe("");
    expect(stdout).toBe("/data/file 1000 1000\n/data/sub 0 0\n/data/sub/file 1000 1000\n0\n0\n");
  });

  test("config-linux.md#idmap: a file system that cannot is one clear error", async () => {
    await using container = new Container();
    const change = withMounts({
      ...mount("/data", "bind", "/proc", "bind"),
      uidMappings: map(5),
      gidMappings: map(5),
    });
    const { status, stderr } = await container.configure("true", change).run();
    expect(status).toBe(1);
    expect(stderr).toContain("mounts[7] /data: ");
    expect(stderr).toContain("MOUNT_ATTR_IDMAP");
  });
});
