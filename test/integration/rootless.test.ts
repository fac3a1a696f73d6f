/**
 * The engine as a plain user, who is root of a user namespace of their own: a day's work, networks, and what nobody else may do with it.
 * Source: user_namespaces(7), subuid(5); podman's rootless tutorial.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tar } from "../support/layer-archive.ts";
import { cgroupV2, type Need, needs, program, root, swift, systemd } from "../support/needs.ts";
import { asOther, HomeStore } from "./support/home-store.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { OwnNetwork } from "./support/own-network.ts";
import { type RegistryProcess, startRegistry } from "./support/registry.ts";
import { ALONE, FIRST_SUBORDINATE, UID } from "./support/rootless.ts";
import { UserSystemd } from "./support/user-systemd.ts";
import { run, TEU } from "./teu.ts";

const BASE = [root, program("busybox"), program("newuidmap"), program("unshare"), program("setpriv")];
// The emulated machine has its files on a tmpfs that keeps no attributes.
const WANTED = [...BASE, swift];
const NETWORK = [...WANTED, program("nft"), program("slirp4netns")];
const test = needs(...WANTED);
const networkTest = needs(...NETWORK);
const isAble = BASE.every((need) => need.isMet());

let registry: RegistryProcess;
let store: HomeStore;
let image: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [
    { ...busyboxLayer(), "dir/old": "old\n" },
    { "dir/.wh..wh..opq": "", "dir/new": "new\n" },
  ]);
  store = new HomeStore();
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await store[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const sh = (script: string, ...flags: string[]) =>
  store.done("run", "--rm", "--network", "none", ...flags, image, "sh", "-c", script);

describe("a container of a plain user", () => {
  test("has root, other users by the user's own ranges, and all of its image's layers", async () => {
    expect(await sh("id -u; cat /dir/*; ls /dir")).toBe("0\nnew\nnew\n");
    expect(await sh("id", "--user", "user")).toBe(
      "uid=1000(user) gid=1001(user) groups=1001(user),2000(extra)\n",
    );
    await store.done(
      "run",
      "--name",
      "owner",
      "--network",
      "none",
      image,
      "busybox",
      "chown",
      "7:8",
      "/tmp/.keep",
    );
    const snapshots = join(store.folder, "root/snapshots");
    const path = readdirSync(snapshots)
      .map((name) => join(snapshots, name, "fs/tmp/.keep"))
      .filter((file) => {
        const status = lstatSync(file, { throwIfNoEntry: false });
        return status !== undefined && status.uid !== UID;
      });
    expect(path).toHaveLength(1);
    const { uid, gid } = statSync(path[0] ?? "");
    expect([uid, gid]).toEqual([FIRST_SUBORDINATE + 6, FIRST_SUBORDINATE + 7]);
    await store.done("rm", "owner");
  });

  // "Cannot create null: operation not permitted" was the end of every image that debootstrap had made.
  test("of an image with devices has empty files in their place", async () => {
    const layer = join(store.folder, "devices.tar");
    const device = {
      name: "null",
      type: "character",
      major: 1,
      minor: 3,
      mode: 0o666,
      uid: 0,
      gid: 0,
    } as const;
    writeFileSync(layer, tar(device, { ...device, name: "fifo", type: "fifo" }));
    chmodSync(layer, 0o644);
    await store.done("image", "mutate", "--append", layer, "-t", "devices:1", image);
    const words = [
      "run",
      "--rm",
      "--network",
      "none",
      "devices:1",
      "stat",
      "-c",
      "%n %F %a %s",
      "/null",
      "/fifo",
    ];
    expect(await store.done(...words)).toBe("/null regular empty file 666 0\n/fifo fifo 666 0\n");
    await store.done("unpack", "-q", "devices:1", join(store.folder, "bundle"));
    expect(lstatSync(join(store.folder, "bundle/rootfs/null")).isFile()).toBe(true);
    expect(await store.teu("image", "flatten", "-t", "flat:1", "devices:1")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Unsupported device "null" in an archive of all layers'),
    });
  });

  test("sees the machine's network with --network host, and cannot change it", async () => {
    // Its devices others may add to at any moment.
    const words = ["run", "--rm", "--network", "host", image, "busybox", "readlink", "/proc/self/ns/net"];
    expect(await store.done(...words)).toBe(`${readlinkSync("/proc/self/ns/net")}\n`);
    const changed = await store.teu(
      "run",
      "--rm",
      "--network",
      "host",
      "--cap-add",
      "NET_ADMIN",
      image,
      "ip",
      "link",
      "set",
      "lo",
      "mtu",
      "1400",
    );
    expect(changed.status).not.toBe(0);
  });

  test("has devices by other names, and the machine's namespaces where it asks for them", async () => {
    const flags = ["--device", "/dev/null:/dev/foo", "--pid", "host", "--ipc", "host", "--uts", "host"];
    const script = "echo x >/dev/foo && head -c 2 /proc/1/stat; echo 1 >/proc/sys/kernel/panic";
    const { status, stdout } = await store.teu(
      ...["run", "--rm", "--network", "none", ...flags, image, "sh", "-c", script],
    );
    expect([status, stdout]).toEqual([1, "1 "]);
    const lower = await store.teu(
      "run",
      "--rm",
      "--network",
      "none",
      "--oom-score-adj",
      "-999",
      image,
      "true",
    );
    expect(lower.stderr).toStartWith("teu: Cannot set --oom-score-adj -999: only root may go below");
  });

  test("changes an image that is mounted with rw for itself alone", async () => {
    const words = ["--rm", "--network", "none", "--mount", `type=image,source=${image},target=/img,rw`];
    const script = "rm -r /img/dir; mkdir /img/dir; echo mine > /img/dir/mine; ls /img/dir";
    for (const _time of ["first", "again"])
      expect(await store.done("run", ...words, image, "sh", "-c", script)).toBe("mine\n");
    expect(await store.done("run", ...words, image, "ls", "/img/dir")).toBe("new\n");
  });

  test("lives on by itself: exec, logs, top, cp, commit, diff, restart, stop", async () => {
    const script =
      "trap 'exit 3' TERM; echo begun; rm -r /dir; mkdir /dir; echo mine > /dir/mine; touch /data/x; while :; do sleep 0.05; done";
    await store.done(
      "run",
      "-d",
      "--name",
      "day",
      "--network",
      "none",
      "-v",
      "kept:/data",
      image,
      "sh",
      "-c",
      script,
    );
    expect(await store.done("exec", "day", "cat", "/dir/mine")).toBe("mine\n");
    expect(await store.done("logs", "day")).toBe("begun\n");
    expect(await store.done("top", "day")).toContain("trap");
    expect(await store.done("ps")).toContain("day");
    await store.done("cp", "/etc/hostname", "day:/data/hostname");
    expect(await store.done("exec", "day", "ls", "/data")).toBe("hostname\nx\n");
    // A name and a working directory that are no UTF-8 come through the user's namespaces as they are.
    const copies = `cd $HOME && odd=$(printf 'a\\377b') && mkdir $odd && cd $odd && echo odd > $odd && $teu cp $odd day:/tmp &&
      rm $odd && $teu cp day:/tmp/$odd . && cat $odd`;
    const copied = await run([...ALONE, "sh", "-c", copies], {
      env: { ...store.env, teu: TEU, PATH: process.env["PATH"] ?? "" },
    });
    expect(copied).toMatchObject({ status: 0, stdout: "odd\n" });
    // Into a directory of somebody else's that everybody may write to, as /tmp is; it is changed as by anybody who does.
    const shared = join(store.folder, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    utimesSync(shared, 1, 1);
    await store.done("cp", "day:/data/hostname", `${shared}/renamed`);
    await store.done("cp", "day:/data", `${shared}/`);
    expect(readdirSync(shared).sort()).toEqual(["data", "renamed"]);
    expect(statSync(shared).mtimeMs).toBeGreaterThan(1000);
    await store.done("exec", "day", "sh", "-c", "rm -r /tmp");
    await store.done("exec", "-d", "day", "sh", "-c", "exit 4");
    const ends = ["events", "--since", "1h", "--until", "0s", "--filter", "event=exec_die"];
    const statuses = async () =>
      await store.done(...ends, "--filter", "container=day", "--format", "{{.Actor.Attributes.exitCode}}");
    while (!(await statuses()).endsWith("4\n")) await Bun.sleep(10);
    await store.done("commit", "day", "made:1");
    expect(await store.done("diff", "day")).toContain("A /dir/mine\n");
    await store.done("stop", "day");
    expect(await store.done("ps", "-a")).toContain("Exited (3)");
    // What hid the image's directory is in the layer that was made of it.
    expect(await store.done("run", "--rm", "--network", "none", "made:1", "ls", "/dir")).toBe("mine\n");
    await store.done("start", "day");
    // Who it was: not the root that everybody is in a home of theirs.
    const users = (await store.done("audit", "--format", "{{.UID}}")).trimEnd().split("\n");
    expect(new Set(users)).toEqual(new Set([`${UID}`]));
    await store.done("rm", "-f", "day");
    await store.done("volume", "rm", "kept");
    await store.done("rmi", "made:1");
    expect(await store.done("system", "check")).toBe("Everything is right\n");
  });

  test("has no limits where the user may make no cgroups, which is said in a line", async () => {
    const { status, stderr } = await store.teu(
      "run",
      "--rm",
      "--network",
      "none",
      "-m",
      "64m",
      image,
      "true",
    );
    expect([status, stderr.split("\n")[0]]).toEqual([
      125,
      "teu: Cannot limit memory: this user may make no cgroups",
    ]);
    const paused = await (async () => {
      await store.done("run", "-d", "--name", "still", "--network", "none", image, "sleep", "60");
      return await store.teu("pause", "still");
    })();
    expect(paused.stderr).toStartWith("teu: Cannot pause the container: it has no cgroup of its own\n");
    expect(await store.done("exec", "still", "echo", "on")).toBe("on\n");
    await store.done("rm", "-f", "still");
  });
});

describe("the network of a plain user", () => {
  networkTest(
    "lets containers find each other, and the machine reach their ports, while there are any",
    async () => {
      await store.done("network", "create", "own");
      const serve = "mkdir /www; echo hello > /www/index.html; exec busybox httpd -f -p 80 -h /www";
      await store.done(
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "own",
        "-p",
        "127.0.0.1::80",
        image,
        "sh",
        "-c",
        serve,
      );
      const uplink = store.processOf("uplink.json");
      expect(uplink).toBeDefined();
      const ask = "for i in 1 2 3 4 5; do busybox wget -qO - http://web && break; sleep 0.1; done";
      expect(await store.done("run", "--rm", "--network", "own", image, "sh", "-c", ask)).toBe("hello\n");
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(await store.done("port", "web")) ?? [];
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("hello\n");
      // Out, to this machine: the registry listens on its loopback address, which is out of reach.
      const out = await store.teu(
        "run",
        "--rm",
        image,
        "busybox",
        "timeout",
        "2",
        "busybox",
        "wget",
        "-O",
        "-",
        `http://10.0.2.2:${new URL(`http://${registry.address}`).port}/v2/`,
      );
      expect(out.stderr).toContain("can't connect to remote host (10.0.2.2): Network is unreachable");
      const second = await store.teu("run", "--rm", "-p", `127.0.0.1:${port}:80`, image, "true");
      expect(second.stderr).toContain("port is already allocated");
      const endpoint = "name=own,driver-opt=com.docker.network.endpoint";
      const tuned = `${endpoint}.sysctls=net.ipv4.conf.IFNAME.log_martians`;
      const read = ["cat", "/proc/sys/net/ipv4/conf/eth0/log_martians"];
      expect(await store.done("run", "--rm", "--network", `${tuned}=1`, image, ...read)).toBe("1\n");
      expect((await store.teu("run", "--rm", "--network", `${tuned}s=1`, image, "true")).stderr).toBe(
        'teu: Cannot set net.ipv4.conf.eth0.log_martianss of the container\'s network interface to "1": the kernel has no such parameter\n',
      );
      const sctp = await store.teu("run", "--rm", "-p", "3868:3867/sctp", image, "true");
      expect(sctp.stderr).toBe(
        "teu: Unsupported port 3867/sctp of a plain user's container: neither slirp4netns nor pasta leads SCTP\n",
      );
      expect(await store.done("run", "--rm", "-P", "--expose", "3867/sctp", image, "echo", "up")).toBe(
        "up\n",
      );
      await store.done("rm", "-f", "web");
      await store.done("network", "rm", "own");
      expect(store.processOf("uplink.json")).toBeUndefined();
    },
  );

  networkTest("tells why its program did not come up, and not what that warns of", async () => {
    await using other = new HomeStore({ tunMode: 0o600 });
    const { status, stderr } = await other.teu("run", "--rm", "--quiet", image, "true");
    expect(status).toBe(125);
    expect(stderr).toContain(
      `Cannot connect the user's network to the world: slirp4netns: open("/dev/net/tun"): Permission denied\n`,
    );
  });

  needs(...NETWORK, program("pasta"))("goes out by pasta where there is nothing else", async () => {
    await using other = new HomeStore({ hidden: ["slirp4netns"] });
    expect(await other.done("network", "ls")).toMatch(/ bridge +bridge +(172|192\.168)\./);
    const words = ["run", "--rm", "--quiet"];
    expect(await other.done(...words, image, "ip", "route")).toMatch(/^default via (172|192)\./);
    // Nobody in there is believed to be a router of IPv6 (CVE-2020-13401), which is off.
    const ipv6 = "cd /proc/sys/net/ipv6/conf/eth0 2>/dev/null || exit 0; cat accept_ra disable_ipv6";
    expect(await other.done(...words, image, "sh", "-c", ipv6)).toMatch(/^(0\n1\n)?$/);
  });

  const IPV6: Need = { says: "IPv6", isMet: () => existsSync("/proc/sys/net/ipv6") };
  const ECHO = `await Bun.udpSocket({ hostname: "::", port: 81, socket: { data(socket, message, port, address) {
    socket.send(message, port, address); } } }); console.log("up")`;
  /** Asks by UDP, again if need be, for a second. */
  const SAY = (address: string, port: number) =>
    `const socket = await Bun.udpSocket({ hostname: "${address.includes(":") ? "::" : "0.0.0.0"}", socket: {
      data() { console.log("heard"); process.exit(); }, error() {} } });
    setInterval(() => socket.send("x", ${port}, "${address}"), 100); setTimeout(() => process.exit(), 1000)`;
  const serve = (text: string) =>
    `mkdir /www; echo ${text} > /www/index.html; exec busybox httpd -f -p 80 -h /www`;

  needs(...NETWORK, program("pasta"), program("nsenter"), IPV6).each([
    ["pasta", ["slirp4netns"]],
    ["slirp4netns", ["pasta"]],
  ])("has IPv6 by %s, and ports as it can lead them", async (program, hidden) => {
    using machine = new OwnNetwork();
    const there = (where: readonly string[], script: string) => run([...where, "sh", "-ec", script]);
    await there(
      machine.host,
      `ip route add default via 192.0.2.2; ip addr add 2001:db8::1/64 dev wire nodad; ip -6 route add default via 2001:db8::2`,
    );
    await there(machine.outside, "ip addr add 2001:db8::2/64 dev wire nodad");
    const outside = Bun.spawn([...machine.outside, "busybox", "httpd", "-f", "-p", "8000", "-h", "/etc"], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      await using other = new HomeStore({ hidden, where: machine.host });
      await store.done("save", "-o", join(store.folder, "box.tar"), image);
      await other.done("load", "--quiet", "-i", join(store.folder, "box.tar"));
      await other.done("network", "create", "--ipv6", "six");
      const start = (name: string, ...flags: string[]) =>
        other.done("run", "-d", "--name", name, "--network", "six", ...flags, image, "sh", "-c", serve(name));
      const until = async (where: readonly string[], url: string, text: string) => {
        for (const end = Date.now() + 10_000; ; ) {
          if ((await machine.ask(where, url)).stdout === text) return;
          if (Date.now() > end) throw new Error(`nobody answered ${text} at ${url}`);
        }
      };
      await start("one", "-p", "127.0.0.1:8101:80", "-p", "8102:80");
      await until(machine.host, "http://127.0.0.1:8101/", "one\n");
      await until(machine.outside, "http://192.0.2.1:8102/", "one\n");
      expect((await machine.ask(machine.outside, "http://192.0.2.1:8101/")).status).not.toBe(0);
      const file = readFileSync("/etc/hostname", "utf8");
      const get =
        "for i in 1 2 3 4 5; do busybox timeout 3 busybox wget -qO - 'http://[2001:db8::2]:8000/hostname' && break; done";
      expect(await other.done("exec", "one", "sh", "-c", get)).toBe(file);
      if (program === "slirp4netns") {
        const version = /version (\S+)/.exec((await run(["slirp4netns", "--version"])).stdout)?.[1];
        for (const address of ["::1", "::", "2001:db8::1"]) {
          const words = ["run", "--rm", "--network", "six", "-p", `[${address}]:8103:80/udp`];
          const { stderr } = await other.teu(...words, image, "true");
          expect(stderr).toStartWith(
            `teu: Cannot publish a port on [${address}]: slirp4netns ${version} leads ports of IPv4 alone\n`,
          );
        }
        // So it says itself: where it can some day, it is to be asked.
        const answers: string[] = [];
        const { promise, resolve } = Promise.withResolvers<void>();
        const socket = await Bun.connect({
          unix: join(other.folder, "run/uplink.sock"),
          socket: { data: (_socket, bytes) => void answers.push(bytes.toString()), close: () => resolve() },
        });
        const arguments_ = { proto: "tcp", host_addr: "::1", host_port: 8103, guest_port: 80 };
        socket.write(JSON.stringify({ execute: "add_hostfwd", arguments: arguments_ }));
        socket.shutdown();
        await promise;
        expect(answers.join("")).toContain("bad request: add_hostfwd: bad arguments.host_addr");
        await until(machine.host, "http://127.0.0.1:8101/", "one\n");
        return;
      }
      // Started anew with what is published now.
      await start(
        ...["two", "-p", "[::1]:8103:80", "-p", "[2001:db8::1]:8104:80", "-p", "8105:80/udp"],
        ...["-p", "[::1]:8106:81/udp"],
      );
      await until(machine.host, "http://[::1]:8103/", "two\n");
      const pid = (await other.done("inspect", "--format", "{{.State.Pid}}", "two")).trim();
      const echo = Bun.spawn(["nsenter", `--net=/proc/${pid}/ns/net`, process.execPath, "-e", ECHO], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await echo.stdout.getReader().read();
      const say = async (where: readonly string[], address: string) =>
        (await run([...where, process.execPath, "-e", SAY(address, 8106)])).stdout;
      expect(await say(machine.host, "::1")).toBe("heard\n");
      expect(await say(machine.host, "127.0.0.1")).toBe("");
      expect(await say(machine.outside, "2001:db8::1")).toBe("");
      echo.kill("SIGKILL");
      await until(machine.outside, "http://[2001:db8::1]:8104/", "two\n");
      await until(machine.outside, "http://[2001:db8::1]:8102/", "one\n");
      await until(machine.host, "http://127.0.0.1:8101/", "one\n");
      expect((await machine.ask(machine.outside, "http://[2001:db8::1]:8103/")).status).not.toBe(0);
      expect((await other.teu("run", "--rm", "-p", "8102:80", image, "true")).stderr).toContain(
        "port is already allocated",
      );
      await other.done("rm", "-f", "one");
      expect((await machine.ask(machine.host, "http://127.0.0.1:8101/")).status).not.toBe(0);
      await until(machine.host, "http://[::1]:8103/", "two\n");
      // The port is free at once.
      await start("three", "-p", "8102:80");
      await until(machine.outside, "http://192.0.2.1:8102/", "three\n");
      await other.done("rm", "-f", "two", "three");
      expect(other.processOf("uplink.json")).toBeUndefined();
    } finally {
      outside.kill("SIGKILL");
    }
  });
});

describe("a container below the user's own systemd", () => {
  needs(
    ...BASE,
    systemd,
    cgroupV2,
  )("is a unit of it, with its limits", async () => {
    await using theirs = await UserSystemd.start();
    await using limited = new HomeStore({ below: theirs });
    const box = `${registry.address}/test/plain`;
    await pushLayers(box, [busyboxLayer()]);
    await limited.done("pull", "--quiet", box);
    const flags = ["--network", "none", "--memory", "64m", "--pids-limit", "20"];
    const id = (await limited.done("run", "-d", "--name", "small", ...flags, box, "sleep", "1000")).trim();
    const path = `/sys/fs/cgroup${theirs.cgroup}/user.slice/teu-${id}.scope`;
    const read = (file: string) => readFileSync(join(path, file), "utf8").trim();
    expect([read("memory.max"), read("pids.max")]).toEqual([`${64 << 20}`, "20"]);
    await limited.done("update", "--pids-limit", "9", "small");
    expect(read("pids.max")).toBe("9");
    await limited.done("pause", "small");
    expect(read("cgroup.freeze")).toBe("1");
    await limited.done("unpause", "small");
    expect(await limited.done("exec", "small", "cat", "/proc/self/cgroup")).toBe("0::/\n");
    await limited.done("rm", "-f", "small");
    expect(existsSync(path)).toBe(false);
  });
});

describe("a plain user's store", () => {
  test("is shut to others, setuid files and all", async () => {
    for (const name of ["root", "run"]) expect(statSync(join(store.folder, name)).mode & 0o777).toBe(0o700);
    chmodSync(store.folder, 0o755);
    expect((await asOther("ls", join(store.folder, "root"))).status).not.toBe(0);
    const entered = await asOther(
      "env",
      ...Object.entries(store.env).map(([name, value]) => `${name}=${value}`),
      TEU,
      "ps",
    );
    expect(entered.status).toBe(1);
    expect(entered.stderr).toStartWith(
      `teu: Cannot use folder "${store.env["TEU_RUN"]}": it belongs to user ${UID}\n`,
    );
    const keeper = store.processOf("home.json");
    const joined = await asOther("nsenter", `--user=/proc/${keeper?.pid}/ns/user`, "true");
    expect(joined.status).not.toBe(0);
  });

  test("is not made where the user may make nothing, which is said in a line", async () => {
    const env = [`TEU_ROOT=${store.env["TEU_ROOT"]}`, "XDG_RUNTIME_DIR=/proc/nowhere"];
    const { status, stderr } = await asOther("env", ...env, TEU, "ps");
    expect([status, stderr.split("\n").length]).toEqual([1, 3]);
    expect(stderr).toStartWith('teu: Cannot use folder "/proc/nowhere/teu": ');
  });

  test("has units of the user's own systemd", async () => {
    expect(await store.done("generate", "systemd")).toEndWith("[Install]\nWantedBy=default.target\n");
  });

  test("maps no ids of a container's own, which is said by name", async () => {
    const cases = [
      ["keep-id", "Unsupported --userns keep-id: "],
      ["nomap", "Unsupported --userns nomap: "],
      ["auto", "Unsupported --userns auto as a plain user: "],
    ] as const;
    for (const [users, says] of cases) {
      const { status, stderr } = await store.teu("run", "--rm", "--userns", users, image, "true");
      expect({ status, stderr }).toEqual({ status: 125, stderr: expect.stringContaining(says) });
    }
    expect(await store.done("run", "--rm", "--network", "none", "--userns", "host", image, "id", "-u")).toBe(
      "0\n",
    );
  });

  test("is not used when others could enter it", async () => {
    await using open = new HomeStore();
    await open.done("ps");
    chmodSync(join(open.folder, "run"), 0o755);
    const { status, stderr } = await open.teu("ps");
    expect(status).toBe(1);
    expect(stderr).toContain("its mode is 0755, and others must not enter it");
    chmodSync(join(open.folder, "run"), 0o700);
  });

  test("has one id without ranges, which is enough for files of root's, and says what is missing", async () => {
    await using alone = new HomeStore({ hasRanges: false });
    const { stdout, stderr } = await alone.teu(
      "run",
      "--rm",
      "--quiet",
      "--network",
      "none",
      image,
      "id",
      "-u",
    );
    expect(stdout).toBe("0\n");
    expect(stderr).toBe(
      'teu: Only images whose files are all root\'s can be used: a line "teu-test:100000:65536" is missing in ' +
        "/etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 teu-test)\n",
    );
    const words = ["run", "--network", "none", "--user", "user", image, "id", "-u"];
    expect((await alone.teu(...words)).status).toBe(125);

    // Who does as it says has them with the next command, or as soon as no container runs.
    await alone.done("run", "-d", "--name", "runs", "--network", "none", image, "sleep", "1000");
    alone.giveRanges();
    const busy = await alone.teu(...words);
    expect(busy.status).toBe(125);
    expect(busy.stderr).toStartWith(
      "teu: What /etc/subuid and /etc/subgid give you counts when no container of yours runs\n",
    );
    await alone.done("stop", "-t", "0", "runs");
    expect(await alone.teu(...words)).toEqual({ status: 0, stdout: "1000\n", stderr: "" });
    await alone.done("start", "runs");
  });
});
