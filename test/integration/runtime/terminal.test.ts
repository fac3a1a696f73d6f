/** Terminals of containers: the unchanged bundle of `runc spec` in the foreground, and the console socket of create and exec. */
import { afterEach, describe, expect } from "bun:test";
import { closeSync, mkdtempSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acceptWaiting, listenUnix, receiveMessage } from "../../../src/sys/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import { withProcess } from "../support/bundle.ts";
import { Container, TESTED } from "../support/runtime.ts";

const test = needs(root, program("busybox"));
const opened: number[] = [];
afterEach(() => {
  for (const descriptor of opened.splice(0)) closeSync(descriptor);
});

/** A socket on which a runtime delivers one terminal. */
function consoleSocket(): { path: string; take(): number } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "teu-console-"));
  const path = join(folder, "socket");
  const listener = listenUnix(path);
  return {
    path,
    take() {
      const connection = acceptWaiting(listener);
      if (connection === undefined) throw new Error("nobody connected to the console socket");
      const { descriptors } = receiveMessage(connection, new Uint8Array(4096));
      closeSync(connection);
      opened.push(...descriptors);
      expect(descriptors).toHaveLength(1);
      return descriptors[0] ?? -1;
    },
    [Symbol.dispose]() {
      closeSync(listener);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Everything that comes out of a terminal until its other side is closed, which the kernel reports as EIO. */
function readAll(terminal: number): string {
  const buffer = new Uint8Array(65_536);
  let text = "";
  try {
    for (;;) text += new TextDecoder().decode(buffer.subarray(0, readSync(terminal, buffer)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
  }
  return text;
}

describe(`terminals of ${TESTED.name}`, () => {
  needs(
    root,
    program("runc"),
    program("busybox"),
  )("run runs the unchanged bundle of runc spec, which asks for a terminal", async () => {
    await using container = new Container();
    expect(Bun.spawnSync(["runc", "spec"], { cwd: container.bundle.path }).exitCode).toBe(0);
    let output = "";
    const child = Bun.spawn(container.words("run", container.id), {
      cwd: container.bundle.path,
      env: { PATH: process.env["PATH"] ?? "" },
      terminal: {
        cols: 91,
        rows: 17,
        data(_, data) {
          output += new TextDecoder().decode(data);
        },
      },
    });
    while (!output.includes("#")) await Bun.sleep(10);
    child.terminal?.write("stty size; tty; echo $((6*7)); exit 3\n");
    expect(await child.exited).toBe(3);
    while (!output.includes("42\r\n")) await Bun.sleep(10);
    expect(output).toContain("17 91\r\n");
    expect(output).toMatch(/\/dev\/(pts\/0|console)\r\n/);
  });

  test("what a terminal's program writes comes out of run and exec as it was written", async () => {
    await using container = new Container();
    const script = "printf 'one\\ntwo\\n'";
    container.configure(script, withProcess({ terminal: true }));
    const { status, stdout } = await container.call(["run", container.id]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "one\ntwo\n" });
    await container.configure("sleep 1000").call(["run", "-d", container.id]);
    expect((await container.call(["exec", "-t", container.id, "sh", "-c", script])).stdout).toBe(
      "one\ntwo\n",
    );
  });

  test("run tells the container's terminal when its own changes size, and puts its own back", async () => {
    await using container = new Container();
    container.configure(
      "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done",
      withProcess({ terminal: true }),
    );
    let output = "";
    const child = Bun.spawn(
      [
        "sh",
        "-c",
        `stty -g >before; "$@"; stty -g >after; cmp before after && echo as before`,
        "sh",
        ...container.words("run", container.id),
      ],
      {
        cwd: container.bundle.path,
        env: { PATH: process.env["PATH"] ?? "" },
        terminal: {
          cols: 80,
          rows: 24,
          data(_, data) {
            output += new TextDecoder().decode(data);
          },
        },
      },
    );
    while (!output.includes("ready")) await Bun.sleep(10);
    child.terminal?.resize(101, 33);
    expect(await child.exited).toBe(0);
    while (!output.includes("before\r\n")) await Bun.sleep(10);
    expect(output).toContain("33 101\r\n");
    expect(output).toContain("as before\r\n");
  });

  test("create sends the terminal to the console socket", async () => {
    await using container = new Container();
    using socket = consoleSocket();
    container.configure(
      "tty; stty size; ls -l /dev/console | cut -c1; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all",
      withProcess({ terminal: true, consoleSize: { height: 25, width: 81 } }),
    );
    const create = await container.call(["create", "--console-socket", socket.path, container.id]);
    expect(create).toEqual({ status: 0, stdout: "", stderr: "" });
    const terminal = socket.take();
    await container.call(["start", container.id]);
    expect(readAll(terminal)).toBe("/dev/pts/0\r\n25 81\r\nc\r\nall\r\n");
  });

  test("exec -t sends its terminal to a console socket", async () => {
    await using container = new Container();
    using socket = consoleSocket();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const words = [
      "exec",
      "-t",
      "-d",
      "--console-socket",
      socket.path,
      container.id,
      "/bin/sh",
      "-c",
      "tty; echo done",
    ];
    expect((await container.call(words)).status).toBe(0);
    expect(readAll(socket.take())).toContain("done\r\n");
  });

  const refusals = [
    { says: "a terminal without a console socket, detached", terminal: true, words: ["create"] },
    {
      says: "a console socket without a terminal",
      terminal: false,
      words: ["create", "--console-socket", "SOCKET"],
    },
  ];
  test.each(refusals)("refuses $says", async ({ terminal, words }) => {
    await using container = new Container();
    using socket = consoleSocket();
    container.configure("true", withProcess({ terminal }));
    const result = await container.call([
      ...words.map((word) => (word === "SOCKET" ? socket.path : word)),
      container.id,
    ]);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("console socket");
  });
});
