import { expect, test } from "bun:test";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { childEnded } from "./child.ts";
import { pipe } from "./pipe.ts";
import { relayPipe, relayTerminal } from "./relay.ts";
import { spawn } from "./spawn.ts";
import { makeRaw, openTerminal } from "./terminal.ts";

function read(descriptor: number, bytes: number): string {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(descriptor, buffer)).toString();
}

test("relays run side by side, more of them than Bun has threads for blocking calls", async () => {
  const ends = Array.from({ length: 5 }, () => ({ from: pipe(), to: pipe() }));
  const relays = ends.map(({ from, to }) => relayPipe(from.read, to.write));
  const { master, slave } = openTerminal();
  makeRaw(slave);
  const screen = pipe();
  const terminal = relayTerminal(master, screen.write);
  await Bun.sleep(10);
  for (const [index, { from }] of ends.entries()) writeSync(from.write, `piece ${index}`);
  writeSync(slave, "shown");
  await Bun.sleep(20);
  expect(read(screen.read, 100)).toBe("shown");
  for (const [index, { to }] of ends.entries()) expect(read(to.read, 100)).toBe(`piece ${index}`);
  for (const { from } of ends) closeSync(from.write);
  await Promise.all(relays);
  closeSync(slave);
  await terminal; // the other side is closed: the end, not an error
  for (const { from, to } of ends)
    for (const descriptor of [from.read, to.read, to.write]) closeSync(descriptor);
  for (const descriptor of [master, screen.read, screen.write]) closeSync(descriptor);
});

test("a relay ends when nobody reads any more", async () => {
  const from = pipe();
  const to = pipe();
  closeSync(to.read);
  const relayed = relayPipe(from.read, to.write);
  writeSync(from.write, "x");
  await relayed;
  for (const descriptor of [from.read, from.write, to.write]) closeSync(descriptor);
});

test("childEnded() waits without using the processor", async () => {
  const executable = openSync("/bin/sleep", "r");
  const before = process.cpuUsage();
  const child = spawn({ executable, argv: ["sleep", "0.5"], env: [], descriptors: [-1, -1, -1] });
  const ended = await childEnded(child.pid);
  const { user, system } = process.cpuUsage(before);
  expect(ended).toEqual({ pid: child.pid, status: 0, signal: undefined });
  expect((user + system) / 1000).toBeLessThan(250);
  closeSync(child.pidfd);
  closeSync(executable);
});
