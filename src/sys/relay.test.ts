import { expect, test } from "bun:test";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { syscall } from "./binding.ts";
import { childEnded } from "./child.ts";
import { pipe } from "./pipe.ts";
import { relayPipe, relayTerminal } from "./relay.ts";
import { spawn } from "./spawn.ts";
import { makeRaw, openTerminal } from "./terminal.ts";

const POLLIN = 1;

/** Not before there is something: a read that waits would hold up the loop that has to write it. */
async function read(descriptor: number, bytes: number): Promise<string> {
  const buffer = Buffer.alloc(bytes);
  const waited = Int32Array.of(descriptor, POLLIN);
  while (syscall("ppoll", waited, 1, new BigInt64Array(2), 0) === 0) await Bun.sleep(5);
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
  expect(await read(screen.read, 100)).toBe("shown");
  for (const [index, { to }] of ends.entries()) expect(await read(to.read, 100)).toBe(`piece ${index}`);
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
