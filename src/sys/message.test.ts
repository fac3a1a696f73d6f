import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  acceptWaiting,
  connectUnix,
  listenUnix,
  receiveMessage,
  sendMessage,
  socketPair,
  tellSenders,
} from "./message.ts";
import { pipe } from "./pipe.ts";

test("a descriptor sent to a listening socket arrives and works", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-message-"));
  const listener = listenUnix(join(folder, "socket"));
  expect(acceptWaiting(listener)).toBeUndefined();
  const client = connectUnix(join(folder, "socket"));
  const ends = pipe();
  expect(sendMessage(client, new Uint8Array(new TextEncoder().encode("pty")), [ends.write])).toBe(3);
  const server = acceptWaiting(listener) ?? -1;
  const payload = new Uint8Array(16);
  const { length, descriptors } = receiveMessage(server, payload);
  expect(Buffer.from(payload.subarray(0, length)).toString()).toBe("pty");
  expect(descriptors).toHaveLength(1);
  writeSync(descriptors[0] ?? -1, "x");
  expect(readSync(ends.read, Buffer.alloc(1))).toBe(1);
  for (const descriptor of [listener, client, server, ends.read, ends.write, ...descriptors])
    closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

test("a socket that was asked to tells who sent a message, beside its descriptors", () => {
  const [ours, theirs] = socketPair();
  tellSenders(ours);
  const ends = pipe();
  sendMessage(theirs, new Uint8Array(4), [ends.read, ends.write]);
  const { descriptors, sender } = receiveMessage(ours, new Uint8Array(16));
  expect(sender).toBe(process.pid);
  expect(descriptors).toHaveLength(2);
  sendMessage(ours, new Uint8Array(4));
  expect(receiveMessage(theirs, new Uint8Array(16))).toEqual({ length: 4, descriptors: [] });
  for (const descriptor of [ours, theirs, ends.read, ends.write, ...descriptors]) closeSync(descriptor);
});
