/** The connection: against a server that misbehaves, and where systemd runs against systemd. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, root, systemd } from "../../../../test/support/needs.ts";
import { SystemdBus, SystemdRefused } from "./bus.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-bus-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** In a process of its own, since the connection waits without an event loop: says one thing, and hangs up unless it is a message. */
async function serverThatSays(
  name: string,
  text: string,
): Promise<{ socket: string; child: Bun.Subprocess }> {
  const socket = join(folder, name);
  const code = `Bun.listen({ unix: ${JSON.stringify(socket)}, socket: { data(socket) { socket.${text.includes("\0") ? "write" : "end"}(${JSON.stringify(text)}); } } }); console.log("listens");`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await child.stdout.getReader().read();
  return { socket, child };
}

test.each([
  ["rejects us", "REJECTED KERBEROS\r\n", "authentication: REJECTED KERBEROS"],
  ["hangs up", "", "the connection was closed"],
  ["hangs up later", "OK 1234\r\n", "the connection"],
  [
    "speaks in big-endian",
    `OK 1234\r\nB${"\0".repeat(15)}`,
    "Invalid D-Bus message: it is not little-endian",
  ],
])("SystemdBus of a server that %s", async (name, text, words) => {
  const { socket, child } = await serverThatSays(name.replaceAll(" ", "-"), text);
  try {
    expect(() => new SystemdBus([socket])).toThrow(words);
  } finally {
    child.kill();
    await child.exited;
  }
});

test("SystemdBus without a socket says where it looked", () => {
  expect(() => new SystemdBus(["/nowhere/a", "/nowhere/b"])).toThrow(
    "there is no socket /nowhere/a, /nowhere/b",
  );
});

needs(root, systemd).each(["/run/dbus/system_bus_socket", "/run/systemd/private"])(
  "systemd answers on %s",
  (socket) => {
    using bus = new SystemdBus([socket]);
    expect(String(bus.get("Version"))).toMatch(/^\d+/);
    expect(() => bus.call("StopUnit", "ss", "teu-nothing.scope", "replace")).toThrow(SystemdRefused);
    expect(() => bus.call("NoSuchMethod")).toThrow("NoSuchMethod");
  },
);
