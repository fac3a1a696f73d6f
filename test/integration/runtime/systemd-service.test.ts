/** A container as a service of systemd: sockets that it is started with, and READY=1 that it sends. Both are played by the test. */
import { describe, expect } from "bun:test";
import { join } from "node:path";
import { closeSync, datagramUnix, receiveMessage } from "../../../src/sys/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import { Container, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"), program("sh"));
const PROBE = join(import.meta.dir, "../../../native/out/probe.elf");

describe(`a container of ${TESTED.name} that systemd starts`, () => {
  const ours = needs(root, program("busybox"), {
    says: "teu itself as the runtime under test",
    isMet: () => TESTED.name === "teu",
  });

  test("LISTEN_FDS: sockets come first, then those of --preserve-fds, and their count arrives", async () => {
    await using container = new Container();
    container.configure("echo $LISTEN_FDS $LISTEN_PID; cat <&3; cat <&4; ls /proc/self/fd | wc -l");
    const words = container.words("run", "--preserve-fds", "1", container.id).map((word) => `'${word}'`);
    // A here-document is an open descriptor; exec keeps the pid, which LISTEN_PID has to be.
    const script = `export LISTEN_FDS=1 LISTEN_PID=$$; exec ${words.join(" ")} 3<<A 4<<B\nsocket\nA\npreserved\nB\n`;
    const { stdout } = Bun.spawnSync(["sh", "-c", script], { cwd: container.bundle.path });
    // 0, 1, 2, the two, and the directory that is listed.
    expect(stdout.toString()).toBe("1 1\nsocket\npreserved\n6\n");
    const foreign = script.replace("LISTEN_PID=$$", "LISTEN_PID=1");
    await using other = new Container();
    other.configure("echo $LISTEN_FDS.; cat <&3");
    const call = other.words("run", "--preserve-fds", "1", other.id).map((word) => `'${word}'`);
    const { stdout: without } = Bun.spawnSync(
      ["sh", "-c", foreign.replace(words.join(" "), call.join(" "))],
      { cwd: other.bundle.path },
    );
    expect(without.toString()).toBe(".\nsocket\n");
  });

  test("NOTIFY_SOCKET: start waits for READY=1, and tells who the main process is", async () => {
    await using container = new Container();
    const path = join(container.bundle.path, "notify");
    const host = datagramUnix("bind", path);
    try {
      // Not before somebody lets it.
      container.configure("cat /tmp/go >/dev/null; /probe notify:STATUS=busy 'notify:READY=1\nSTATUS=up'");
      await Bun.$`cp ${PROBE} ${join(container.bundle.rootfs, "probe")} && mkfifo ${join(container.bundle.rootfs, "tmp/go")}`.quiet();
      const env = { NOTIFY_SOCKET: path };
      expect((await container.call(["create", container.id], { env })).status).toBe(0);
      const { pid } = await container.state();
      let started = false;
      const start = container.call(["start", container.id], { env }).then((result) => {
        started = true;
        return result;
      });
      await container.waitFor("running");
      expect(started).toBe(false);
      Bun.spawnSync(["sh", "-c", `echo now >'${join(container.bundle.rootfs, "tmp/go")}'`]);
      // runc 1.1 does not wait until they are read.
      const wanted = ["READY=1\n", `MAINPID=${pid}\n`, "BARRIER=1"].slice(0, TESTED.name === "runc" ? 2 : 3);
      expect(receive(host, wanted.length)).toEqual(wanted);
      expect((await start).status).toBe(0);
    } finally {
      closeSync(host);
    }
  });

  // What broke: on a busy machine the container had ended when start began to wait, and nobody was told.
  ours("NOTIFY_SOCKET: a container that was ready and has ended is told of, too", async () => {
    await using container = new Container();
    const path = join(container.bundle.path, "notify");
    const host = datagramUnix("bind", path);
    try {
      const poststart = [{ path: "/bin/sh", args: ["sh", "-c", "sleep 0.3"] }];
      container.configure("/probe notify:READY=1", (config) => ({ ...config, hooks: { poststart } }));
      await Bun.$`cp ${PROBE} ${join(container.bundle.rootfs, "probe")}`.quiet();
      const env = { NOTIFY_SOCKET: path };
      expect((await container.call(["create", container.id], { env })).status).toBe(0);
      const { pid } = await container.state();
      const start = container.call(["start", container.id], { env });
      expect(receive(host, 3)).toEqual(["READY=1\n", `MAINPID=${pid}\n`, "BARRIER=1"]);
      expect((await start).status).toBe(0);
    } finally {
      closeSync(host);
    }
  });

  test("NOTIFY_SOCKET: start does not wait for a container that has ended", async () => {
    await using container = new Container();
    const env = { NOTIFY_SOCKET: join(container.bundle.path, "nobody") };
    container.configure("echo $NOTIFY_SOCKET; ls -l /run/notify/notify.sock | cut -c1-10");
    expect((await container.call(["create", container.id], { env })).status).toBe(0);
    expect((await container.call(["start", container.id], { env })).status).toBe(0);
    await container.waitFor("stopped");
    expect(container.outputOf(1)).toBe("/run/notify/notify.sock\nsrwxrwxrwx\n");
  });

  // What broke: the container was created, its socket could not be made, and it stayed behind as "created".
  ours("NOTIFY_SOCKET: run leaves no container behind when its socket cannot be made", async () => {
    await using container = new Container();
    const inTheWay = join(container.stateFolder, container.id, "notify/notify.sock");
    const createRuntime = [{ path: "/bin/sh", args: ["sh", "-c", `: >'${inTheWay}'`] }];
    container.configure("true", (config) => ({ ...config, hooks: { createRuntime } }));
    const env = { NOTIFY_SOCKET: join(container.bundle.path, "nobody") };
    const { status, stderr } = await container.call(["run", "--detach", container.id], { env });
    expect(stderr).toContain("notify.sock");
    expect(status).not.toBe(0);
    expect((await container.call(["state", container.id])).stderr).toContain("does not exist");
  });
});

/** The next datagrams; a descriptor that comes along is closed, which is the answer to a barrier. */
function receive(socket: number, count: number): string[] {
  return Array.from({ length: count }, () => {
    const bytes = new Uint8Array(new ArrayBuffer(4096));
    const { length, descriptors } = receiveMessage(socket, bytes);
    for (const descriptor of descriptors) closeSync(descriptor);
    return new TextDecoder().decode(bytes.subarray(0, length));
  });
}
