/**
 * What a container does to keep its runtime, or the machine, busy for ever: each command comes back, and what the container
 * made is gone with it. Sources: runc issues 2530 and 3448; runc's and crun's notes on small memory limits.
 * Guard: `start` opens the gate without waiting for a reader; whatever is waited for has an end, or a process that is watched.
 */
import { describe, expect } from "bun:test";
import { join } from "node:path";
import { changes, withProcess, withResources } from "../integration/support/bundle.ts";
import { Container, TESTED } from "../integration/support/runtime.ts";
import { naiveRuntime } from "../kits/naive-runtime.ts";
import { needs, program, root } from "../support/needs.ts";

const test = needs(root, program("busybox"));

describe(`a container of ${TESTED.name} keeps nobody waiting`, () => {
  test("start on a dead init fails within a second", async () => {
    await using container = new Container();
    await container.configure("true").call(["create", container.id]);
    process.kill((await container.state()).pid, "SIGKILL");
    await container.waitFor("stopped");
    const began = Bun.nanoseconds();
    const { status, stderr } = await container.call(["start", container.id], { timeoutMs: 10_000 });
    expect(status).toBe(1);
    expect(stderr).toContain("cannot start a container that has stopped");
    // The command itself takes milliseconds; the bound is for a machine that is busy otherwise.
    expect((Bun.nanoseconds() - began) / 1e9).toBeLessThan(process.env["VM_GUEST"] === undefined ? 1 : 10);
  });

  test("and bites: who writes to the fifo of a dead init as a shell does waits for ever", async () => {
    await using container = new Container();
    await container.configure("true").call(["create", container.id]);
    process.kill((await container.state()).pid, "SIGKILL");
    await container.waitFor("stopped");
    const fifo = join(container.stateFolder, container.id, "exec.fifo");
    expect(naiveRuntime('timeout 1 sh -c \'echo 0 >"$1"\' sh "$1"; echo $?', fifo)).toBe("124\n");
  });

  test("start on an init that is stopped by a signal and then killed comes back", async () => {
    await using container = new Container();
    await container.configure("true").call(["create", container.id]);
    const { pid } = await container.state();
    process.kill(pid, "SIGSTOP");
    const start = container.call(["start", container.id], { timeoutMs: 20_000 });
    await Bun.sleep(50);
    process.kill(pid, "SIGKILL");
    const { status } = await start;
    expect(status).not.toBeNull();
    await container.waitFor("stopped");
  });

  test("a fork bomb under a limit is removed whole", async () => {
    await using container = new Container();
    container.configure("exec 2>&1; bomb() { bomb & bomb; }; bomb", withResources({ pids: { limit: 40 } }));
    await container.call(["run", "-d", container.id]);
    // It bites: the kernel has refused it processes.
    for (let waited = 0; !container.outputOf(1).includes("can't fork") && waited < 1000; waited++)
      await Bun.sleep(10);
    expect(container.outputOf(1)).toContain("can't fork");
    const { status, stderr } = await container.call(["delete", "--force", container.id]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("a program that ignores every signal is removed", async () => {
    await using container = new Container();
    container.configure("trap '' HUP INT TERM USR1; echo ready; while :; do sleep 1000; done");
    await container.call(["run", "-d", container.id]);
    while (!container.outputOf(1).includes("ready")) await Bun.sleep(10);
    // It bites: who asks it to go is not heard.
    for (const signal of ["HUP", "INT", "TERM", "USR1"])
      expect((await container.call(["kill", container.id, signal])).status).toBe(0);
    expect((await container.state()).status).toBe("running");
    expect((await container.call(["delete", "--force", container.id])).status).toBe(0);
  });

  test("init is killed for want of memory: an error, and nothing is left", async () => {
    await using container = new Container();
    const args = ["/bin/sh", "-c", "true", "x".repeat(100_000)];
    // It bites for want of memory alone.
    await using roomy = new Container();
    expect((await roomy.configure("", withProcess({ args })).run()).status).toBe(0);
    container.configure("", changes(withResources({ memory: { limit: 4096 } }), withProcess({ args })));
    const { status, stderr } = await container.call(["run", container.id], { timeoutMs: 20_000 });
    expect(status).not.toBe(0);
    expect(stderr).not.toBe("");
    expect((await container.call(["state", container.id])).status).toBe(1);
  });

  test("exec into a paused container is refused at once, and delete --force thaws it", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    expect((await container.call(["pause", container.id])).status).toBe(0);
    const { status, stderr } = await container.call(["exec", container.id, "true"], { timeoutMs: 10_000 });
    expect(status).not.toBe(0);
    expect(stderr).toContain("paused");
    // It bites: who goes in all the same does not come back.
    const words = ["exec", "--ignore-paused", container.id, "true"];
    expect((await container.call(words, { timeoutMs: 2000 })).status).not.toBe(0);
    expect((await container.call(["delete", "--force", container.id], { timeoutMs: 20_000 })).status).toBe(0);
  });

  test("a hostile /etc/passwd: a fifo, a device, something large", async () => {
    for (const make of ["mkfifo", "mknod -m 666 %s c 1 5 && true", "truncate -s 100G"]) {
      await using container = new Container();
      const path = `${container.bundle.rootfs}/etc/passwd`;
      const command = make.includes("%s") ? make.replace("%s", path) : `${make} ${path}`;
      Bun.spawnSync(["sh", "-c", `rm ${path}; ${command}`]);
      // It bites: who reads it as a file does not come to its end.
      expect(naiveRuntime('timeout 1 cat "$1" >/dev/null; echo $?', path)).toBe("124\n");
      container.configure("echo $HOME");
      expect((await container.call(["run", container.id], { timeoutMs: 20_000 })).stdout).toBe("/\n");
    }
  });
});
