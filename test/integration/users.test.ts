/**
 * Containers whose users are not the host's: what they are on the machine and on disk, what root of such a container cannot reach, and whose
 * ids are whose. Each call sees an /etc/subuid of the test's, in a mount namespace that all of them share.
 * Source: podman-run(1), --userns; user_namespaces(7).
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("busybox"), program("unshare"), program("nsenter")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

const FIRST = 1_200_000; // no other test has these: who lives now counts
const SIZE = 65_536;
/** Room for two of the usual size, and a bit. */
const COUNT = 140_000;

let registry: RegistryProcess;
let store: Store;
let image: string;
let files: string;
let holder: Bun.Subprocess<"ignore", "pipe", "inherit">;

beforeAll(async () => {
  if (!isAble) return;
  files = mkdtempSync(join(tmpdir(), "teu-users-"));
  // All of /etc: whoever replaces a file of the machine's meanwhile would take away what is mounted on it here.
  const etc = join(files, "etc");
  const ids = `containers:${FIRST}:${COUNT}\nothers:1900000:1000\nothers:1950000:500\n`;
  Bun.spawnSync(["cp", "-a", "/etc", etc]);
  for (const name of ["subuid", "subgid"]) writeFileSync(join(etc, name), ids);
  holder = Bun.spawn(
    ["unshare", "--mount", "sh", "-c", `mount --bind ${etc} /etc && echo held && exec sleep 1000`],
    { cwd: "/", stdin: "ignore", stdout: "pipe" },
  );
  for await (const chunk of holder.stdout) if (new TextDecoder().decode(chunk).includes("held")) break;
  registry = await startRegistry();
  store = new Store(["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, "--"]);
  image = `${registry.address}/test/users`;
  await pushLayers(image, [busyboxLayer(), { "data/file": "of the image\n", "data/deep/file": "deep\n" }]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await store.done("system", "check");
  expect(readFileSync(`/proc/${holder.pid}/mountinfo`, "utf8")).not.toContain(store.folder);
  await store[Symbol.asyncDispose]();
  holder.kill("SIGKILL");
  await holder.exited;
  await registry[Symbol.asyncDispose]();
  rmSync(files, { recursive: true, force: true });
});

/** Runs a script in a container that is removed. */
const sh = async (script: string, ...flags: string[]): Promise<string> =>
  await store.done("run", "--rm", "--network", "none", ...flags, image, "sh", "-c", script);

/** Removes what a test made. */
const cleanly = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } finally {
    const containers = (await store.done("ps", "-aq")).split("\n").filter((id) => id !== "");
    if (containers.length > 0) await store.done("rm", "-f", ...containers);
    await store.done("volume", "prune", "--all");
  }
};

const start = (name: string, ...flags: string[]) =>
  store.done("run", "-d", "--name", name, "--network", "none", ...flags, image, "sleep", "1000");
const inspect = async (name: string) =>
  (JSON.parse(await store.done("inspect", name)) as Inspected[])[0] as Inspected; // our own words
interface Inspected {
  readonly State: { readonly Pid: number };
  readonly HostConfig: { readonly UsernsMode: string; readonly IDMappings: { readonly UidMap: string[] } };
  readonly GraphDriver: { readonly Data: { readonly UpperDir: string } };
  readonly Mounts: { readonly Source: string }[];
}
const MAP = "cat /proc/self/uid_map /proc/self/gid_map";
const mapOf = (text: string) => text.trim().split(/\s+/).map(Number);
const owner = (path: string) => {
  const { uid, gid } = statSync(path);
  return `${uid}:${gid}`;
};

describe("users of a container's own", () => {
  test("are nobody on the machine; on disk and in images they are as ever", () =>
    cleanly(async () => {
      await start("own", "--userns", "auto", "-v", "kept:/data");
      expect(mapOf(await store.done("exec", "own", "sh", "-c", MAP))).toEqual([
        0,
        FIRST,
        SIZE,
        0,
        FIRST,
        SIZE,
      ]);
      const { State, HostConfig, GraphDriver, Mounts } = await inspect("own");
      expect(HostConfig).toMatchObject({
        UsernsMode: "private",
        IDMappings: { UidMap: [`0:${FIRST}:${SIZE}`], GidMap: [`0:${FIRST}:${SIZE}`] },
      });
      expect(owner(`/proc/${State.Pid}`)).toBe(`${FIRST}:${FIRST}`);
      // Whose ids those were is told when they are somebody else's.
      expect(await store.done("audit", "--json")).toContain(`"ids":{"uids":["0:${FIRST}:${SIZE}"],"gids":`);
      const made = "echo x > /made; busybox chown 1000:1001 /made; touch /data/new; rm -r /data/deep";
      const seen = "stat -c %n=%u:%g /made /etc/passwd /etc/hosts /data/file /data/new /dev/shm";
      expect((await store.done("exec", "own", "sh", "-c", `${made}; ${seen}`)).split("\n")).toEqual([
        "/made=1000:1001",
        ...["/etc/passwd", "/etc/hosts", "/data/file", "/data/new", "/dev/shm"].map((path) => `${path}=0:0`),
        "",
      ]);
      expect(owner(join(GraphDriver.Data.UpperDir, "made"))).toBe("1000:1001");
      // What the image has there is copied as the image has it.
      const volume = Mounts[0]?.Source ?? "";
      expect(readdirSync(volume)).toEqual(["file", "new"]);
      for (const name of ["file", "new"]) expect(owner(join(volume, name))).toBe("0:0");
      // Others see the volume as it is, whoever they are on the machine.
      for (const flags of [[], ["--userns", "auto"], ["--uidmap", "0:700000:2000"]])
        expect(await sh("stat -c %u /data/new; touch /data/new", "-v", "kept:/data", ...flags)).toBe("0\n");
      expect(await store.done("diff", "own")).toBe("A /made\n");
      await store.done("commit", "own", "committed");
      const plain = ["run", "--rm", "--network", "none"];
      for (const flags of [[], ["--userns", "auto"]])
        expect(
          await store.done(...plain, ...flags, "committed", "stat", "-c", "%u:%g", "/made", "/etc"),
        ).toBe("1000:1001\n0:0\n");
      await store.done("rmi", "committed");
    }));

  test("reach nothing of root's on the machine, but what is shown with their own ids", async () => {
    const shown = join(files, "shown");
    mkdirSync(shown);
    writeFileSync(join(shown, "secret"), "secret\n", { mode: 0o600 });
    chmodSync(join(shown, "secret"), 0o600);
    const attack =
      "cat /shown/secret; echo evil > /shown/secret; echo evil > /shown/evil; rm -f /shown/secret";
    // Root of a container with the host's users can do all of it.
    expect(await sh("cat /shown/secret", "-v", `${shown}:/shown`)).toBe("secret\n");
    const { status, stdout, stderr } = await store.teu(
      ...["run", "--rm", "--network", "none", "--userns", "auto", "--cap-add", "ALL"],
      ...["-v", `${shown}:/shown`, image, "sh", "-c", attack],
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr.match(/Permission denied/g)).toHaveLength(4);
    expect(readdirSync(shown)).toEqual(["secret"]);
    const idmap = [`-v=${shown}:/shown:idmap`, `--mount=type=bind,source=${shown},target=/shown,idmap`];
    for (const flag of idmap)
      expect(
        await sh("cat /shown/secret; stat -c %u /shown; touch /shown/made", "--userns", "auto", flag),
      ).toBe("secret\n0\n");
    expect(owner(join(shown, "made"))).toBe("0:0");
    // A file of one of their own ids on the machine is theirs.
    chownSync(join(shown, "secret"), FIRST + 7, 0);
    expect(await sh("stat -c %u /shown/secret", "--userns", "auto", "-v", `${shown}:/shown`)).toBe("7\n");
  });

  test("are copied to and from as the container has them, whether it runs or not", () =>
    cleanly(async () => {
      const from = join(files, "copied");
      mkdirSync(from);
      writeFileSync(join(from, "theirs"), "x\n");
      chownSync(join(from, "theirs"), 1000, 1001);
      await start("copy", "--userns", "auto", "-v", "kept:/data");
      const to = join(files, "back");
      for (const place of ["/one", "/data/one"]) {
        await store.done("cp", from, `copy:${place}`);
        await store.done("cp", "-a", from, `copy:${place}-a`);
      }
      const look = "cd $0; stat -c %u:%g one one/theirs one-a/theirs";
      for (const place of ["/", "/data"])
        expect(await store.done("exec", "copy", "sh", "-c", look, place)).toBe("0:0\n0:0\n1000:1001\n");
      const exported = await run(
        ["sh", "-c", `"$@" export copy | tar --numeric-owner -tv one-a/theirs`, "sh", "nsenter"].concat(
          `--mount=/proc/${holder.pid}/ns/mnt`,
          "--",
          TEU,
        ),
        { env: { ...store.env } },
      );
      expect(exported.stdout).toContain(" 1000/1001 ");
      await store.done("cp", "-a", "copy:/one-a", to);
      expect(owner(join(to, "theirs"))).toBe("1000:1001");
      await store.done("stop", "-t", "0", "copy");
      await store.done("cp", "-a", "copy:/one-a", join(files, "later"));
      expect(owner(join(files, "later/theirs"))).toBe("1000:1001");
      await store.done("cp", "-a", from, "copy:/two");
      await store.done("start", "copy");
      expect(await store.done("exec", "copy", "stat", "-c", "%u:%g", "/two/theirs")).toBe("1000:1001\n");
    }));

  test("are those of its programs too, whoever starts them, whose streams are their own", () =>
    cleanly(async () => {
      await start("programs", "--userns", "auto:size=3000", "--init");
      const script = "id -u; echo out > /dev/stdout; echo err > /dev/stderr";
      const enter = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, "--"];
      // Pipes, as of a shell: what the tests have is sockets.
      const piped = (...words: string[]) =>
        run(["sh", "-c", '{ "$@" 3>&1 >&2 2>&3 | cat; } 2>&1 | cat', "sh", ...enter, TEU, ...words], {
          env: { ...store.env },
        });
      for (const user of ["0", "1000"])
        expect(await piped("exec", "-u", user, "programs", "sh", "-c", script)).toMatchObject({
          stdout: expect.stringMatching(new RegExp(`^(?=.*^${user}$)(?=.*^out$)(?=.*^err$)`, "ms")),
          stderr: "",
        });
      const once = ["run", "--rm", "--network", "none", "--userns", "auto:size=3000", image];
      expect((await piped(...once, "sh", "-c", script)).stdout.split("\n").sort()).toEqual([
        "",
        "0",
        "err",
        "out",
      ]);
      const refused = "Cannot run as user 3000: the container's user namespace does not map it\n";
      expect((await store.teu("exec", "-u", "3000", "programs", "id")).stderr).toBe(`teu: ${refused}`);
      const other = await store.teu("run", "--rm", "--userns", "auto:size=3000", "-u", "3000", image, "id");
      expect(other).toMatchObject({ status: 125, stderr: `teu: ${refused}` });
    }));

  test("have rights over namespaces of their own, and none over the host's", () =>
    cleanly(async () => {
      const own =
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /sys/class/net; hostname other; hostname";
      const flags = ["--userns", "auto", "--cap-add", "SYS_ADMIN"];
      expect(await sh(own, ...flags, "--sysctl", "net.ipv4.ip_unprivileged_port_start=80")).toBe(
        "80\nlo\nother\n",
      );
      const hosts = "--network=host --pid=host --ipc=host --uts=host --cgroupns=host".split(" ");
      const { stdout } = await store.teu(
        ...["run", "--rm", ...flags, ...hosts, image, "sh", "-c"],
        "id -u; ls /sys/class/net | grep -c lo; hostname evil 2>&1; kill -0 1 2>&1; mount -t tmpfs x /tmp && echo own",
      );
      expect(stdout).toMatch(/^0\n1\nhostname: .*\n.*not permitted\nown\n$/s);
      // Privileged ones have every right over what is theirs; with the machine's users the file would be written.
      const way = "p=/proc/sys/kernel/core_pattern; cat $p > /tmp/p; cat /tmp/p > $p || echo refused";
      const privileged = await store.teu(
        ...["run", "--rm", "--userns", "auto", "--privileged", "--network", "none", image, "sh", "-c"],
        `id -u; mkdir /m; mount -t tmpfs m /m; echo $?; ${way}`,
      );
      expect(privileged.stdout).toBe("0\n0\nrefused\n");
    }));

  test("can be another container's, with its namespaces", () =>
    cleanly(async () => {
      await start("first", "--userns", "auto:size=3000", "--ipc", "shareable");
      const theirs = ["--userns", "container:first"];
      expect(mapOf(await sh(MAP, ...theirs)).slice(0, 3)).toEqual([0, FIRST, 3000]);
      await store.done("exec", "first", "touch", "/dev/shm/shared");
      const all = ["--network", "container:first", "--pid", "container:first", "--ipc", "container:first"];
      const words = [...theirs, ...all, "--name", "second", image, "sh", "-c"];
      await store.done(
        "run",
        "-d",
        ...words,
        "ls /dev/shm /sys/class/net; cat /proc/1/comm; stat -c %u /etc/hosts /dev/shm",
      );
      await store.done("wait", "second");
      expect(await store.done("logs", "second")).toBe(
        "/dev/shm:\nshared\n\n/sys/class/net:\nlo\nsleep\n0\n0\n",
      );
      expect((await inspect("second")).HostConfig.UsernsMode).toMatch(/^container:[0-9a-f]{64}$/);
      const strangers = await store.teu(
        "run",
        "--rm",
        "--userns",
        "auto",
        "--pid",
        "container:first",
        image,
        "id",
      );
      expect(strangers).toMatchObject({
        status: 125,
        stderr: "teu: --pid container:first wants its users too: --userns container:first\n",
      });
      await store.done("create", "--name", "hosts", "--userns", "host", image);
      expect((await inspect("hosts")).HostConfig).toMatchObject({ UsernsMode: "host" });
      // Root of the machine may.
      expect(await store.done("run", "--rm", ...all, image, "stat", "-c", "%u", "/proc/1")).toBe(
        `${FIRST}\n`,
      );
      // It has been started anew, and has another namespace.
      await store.done("restart", "-t", "0", "first");
      await store.done("start", "second");
      expect(await store.done("wait", "second")).toBe("0\n");
    }));
});

describe("ids", () => {
  test("are nobody else's while a container is there, and given back when it goes", () =>
    cleanly(async () => {
      // All at once.
      const sizes = Array.from({ length: 6 }, (_, index) => `auto:size=${20_000 + index}`);
      await Promise.all(sizes.map((users, index) => start(`many${index}`, "--userns", users)));
      const maps = await Promise.all(
        sizes.map(async (_, index) => mapOf(await store.done("exec", `many${index}`, "sh", "-c", MAP))),
      );
      const ranges = maps
        .map(([, first = 0, size = 0]) => ({ first, size }))
        .sort((a, b) => a.first - b.first);
      expect(ranges[0]?.first).toBe(FIRST);
      for (const [index, { first, size }] of ranges.entries())
        expect(first + size).toBeLessThanOrEqual(ranges[index + 1]?.first ?? FIRST + COUNT);
      const refused = await store.teu("run", "--rm", "--userns", "auto", image, "true");
      expect(refused).toEqual({
        status: 125,
        stdout: "",
        stderr:
          'teu: Cannot give the container 65536 ids of its own: of what /etc/subuid gives to "containers", others have 120015, and the longest free row is 19985\n' +
          'hint: Give "containers" more in /etc/subuid; or ask for fewer: --userns auto:size=N\n',
      });
      // One that has ended keeps them, also over a reboot, which takes the run folder.
      await store.done("stop", "-t", "0", ...sizes.map((_, index) => `many${index}`));
      rmSync(store.path("run"), { recursive: true, force: true });
      expect((await store.teu("run", "--rm", "--userns", "auto", image, "true")).status).toBe(125);
      await store.done("start", "many3");
      expect(mapOf(await store.done("exec", "many3", "sh", "-c", MAP))).toEqual(maps[3] ?? []);
      expect(await store.done("exec", "many3", "stat", "-c", "%u", "/etc/hosts")).toBe("0\n");
      await store.done("rm", "-f", ...sizes.map((_, index) => `many${index}`));
      expect(mapOf(await sh(MAP, "--userns", "auto")).slice(0, 3)).toEqual([0, FIRST, SIZE]);
    }));

  test("are nobody's who lives in another store either", () =>
    cleanly(async () => {
      await using other = new Store(["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, "--"]);
      await other.done("pull", "--quiet", image);
      await start("here", "--userns", "auto:size=1000");
      const words = [
        "run",
        "--rm",
        "--network",
        "none",
        "--userns",
        "auto:size=1000",
        image,
        "sh",
        "-c",
        MAP,
      ];
      const next = [0, FIRST + 1000, 1000];
      expect(mapOf(await other.done(...words))).toEqual([...next, ...next]);
    }));

  test("are given back, and nothing stays, when teu is killed at any moment", async () => {
    for (const delayMs of [10, 25, 40, 55, 80, 120]) {
      const child = Bun.spawn(
        [
          "nsenter",
          `--mount=/proc/${holder.pid}/ns/mnt`,
          "--",
          TEU,
          "run",
          "--rm",
          "--network",
          "none",
        ].concat(...["--userns", "auto", "-v", "/data", "-v", "/etc:/shown:idmap", image, "true"]),
        { cwd: "/", env: { ...store.env }, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
      );
      await Bun.sleep(delayMs);
      child.kill("SIGKILL");
      await child.exited;
    }
    await store.done("ps", "-a");
    for (let tries = 0; tries < 100 && (await store.done("ps", "-aq")) !== ""; tries++) await Bun.sleep(50);
    expect(await store.done("system", "check")).toBe("Everything is right\n");
    expect(readFileSync(`/proc/${holder.pid}/mountinfo`, "utf8")).not.toContain(store.folder);
    // An init whose teu was killed before it told of it ends by itself, a moment later: until then somebody lives there.
    let map: number[] = [];
    for (let tries = 0; tries < 40 && map[1] !== FIRST; tries++)
      map = mapOf(await sh(MAP, "--userns", "auto"));
    expect(map.slice(0, 3)).toEqual([0, FIRST, SIZE]);
  });

  test.each([
    [
      "--uidmap 0:700000:1000 --gidmap 0:800000:10 --gidmap 10:900000:5",
      [0, 700_000, 1000, 0, 800_000, 10, 10, 900_000, 5],
    ],
    ["--userns private --uidmap 0:@700000:9", [0, 700_000, 9, 0, 700_000, 9]],
    [
      "--subuidname others",
      [0, 1_900_000, 1000, 1000, 1_950_000, 500, 0, 1_900_000, 1000, 1000, 1_950_000, 500],
    ],
    [
      "--userns auto:size=100,uidmapping=5:700000:10",
      [0, FIRST, 5, 5, 700_000, 10, 15, FIRST + 15, 85, 0, FIRST, 100],
    ],
  ])("%s", async (flags, want) => {
    expect(mapOf(await sh(MAP, ...flags.split(" ")))).toEqual(want);
  });

  test.each([
    ["--userns private", "must provide at least one UID or GID mapping to configure a user namespace"],
    ["--userns other", "--userns: invalid USER mode: other"],
    ["--userns container:", "wants a container: container:NAME"],
    ["--userns container:nobody", "No such container: nobody"],
    ["--userns keep-id", "Unsupported --userns keep-id: it is of plain users"],
    ["--userns nomap", "Unsupported --userns nomap: it is of plain users"],
    ["--userns ns:/proc/1/ns/user", "Unsupported --userns ns:/proc/1/ns/user"],
    ["--userns auto --uidmap 0:1:1", "--userns auto cannot be used with --uidmap"],
    ["--userns auto:size=0", "invalid size '0'"],
    ["--userns auto:big", "unknown option 'big'"],
    ["--uidmap 1:700000:1", "none maps 0"],
    ["--uidmap 0:700000:5 --uidmap 3:800000:5", "invalid --uidmap 3:800000:5: it overlaps 0:700000:5"],
    ["--uidmap 0:x", "invalid --uidmap 0:x: wants CONTAINER:HOST[:SIZE]"],
    ["--subuidname strangers", '/etc/subuid gives no ids to "strangers"'],
    ["--userns auto --runtime /bin/true", "Unsupported --userns auto with --runtime"],
  ])("%s is refused, and nothing is made", async (flags, says) => {
    const { status, stderr } = await store.teu("run", "--rm", ...flags.split(" "), image, "true");
    expect({ status, stderr }).toEqual({ status: 125, stderr: expect.stringContaining(says) });
    expect(await store.done("ps", "-aq")).toBe("");
  });

  test("cannot be mapped in a store whose file system cannot: that is said first, and nothing is left", async () => {
    const place = join(files, "ram");
    mkdirSync(place);
    const mount = `mount -t ramfs none ${place} && "$@"; status=$?; umount ${place}; exit $status`;
    const calls = [
      ["pull", "--quiet"],
      ["run", "--rm", "--userns", "auto"],
      ["ps", "-aq"],
    ];
    const script = calls
      .map((words) => `"$0" ${words.join(" ")} ${words[0] === "ps" ? "" : image}`)
      .join("\n");
    const { stdout, stderr } = await run(
      [
        ...["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, "--", "sh", "-c", mount, "sh"],
        ...["sh", "-c", script, TEU],
      ],
      { env: { TEU_ROOT: join(place, "root"), TEU_RUN: join(place, "run") } },
    );
    expect(stdout.split("\n")).toHaveLength(2);
    expect(stderr).toBe(
      `teu: Cannot give the container users of its own: on this kernel the file system of "${place}/root/snapshots" cannot map ids\n` +
        "hint: ext4, xfs and btrfs can, below an overlay with Linux 5.19 and later, and tmpfs with 6.3: put TEU_ROOT on one of them\n",
    );
  });

  test("cannot be mapped in a bind mount where the file system cannot: that is said, and nothing is left", async () => {
    const bind = "type=bind,source=/proc/sys,target=/shown,idmap";
    const { status, stderr } = await store.teu(
      "run",
      "--rm",
      "--userns",
      "auto",
      "--mount",
      bind,
      image,
      "true",
    );
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: expect.stringContaining("hint: Its file system, on this kernel, cannot map ids\n"),
    });
    expect(await store.done("ps", "-aq")).toBe("");
    expect(existsSync(store.path("run/containers")) ? readdirSync(store.path("run/containers")) : []).toEqual(
      [],
    );
  });
});
