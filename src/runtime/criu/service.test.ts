/** Conversations with a criu of this file's own: what it says is in the socket before it is asked. */
import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, pipe, receiveMessage, sendMessage, socketPair, syscall } from "../../sys/index.ts";
import { type CriuNotify, encodeRequest } from "./messages.ts";
import { converse } from "./service.ts";

const open = new Set<number>();
afterEach(() => {
  for (const descriptor of open) closeSync(descriptor);
  open.clear();
});

const SHUT_WR = 1;

/** A socket with `answers` in it, and what was said to the other end. */
function scripted(...answers: (string | { hex: string; descriptors: readonly number[] })[]): {
  socket: number;
  heard(): string[];
} {
  const [socket, theirs] = socketPair();
  open.add(socket);
  for (const answer of answers) {
    const { hex, descriptors } = typeof answer === "string" ? { hex: answer, descriptors: [] } : answer;
    sendMessage(theirs, new Uint8Array(Uint8Array.fromHex(hex.replaceAll(" ", ""))), descriptors);
  }
  return {
    socket,
    heard() {
      syscall("shutdown", socket, SHUT_WR);
      const bytes = new Uint8Array(4096);
      const all: string[] = [];
      for (;;) {
        const { length } = receiveMessage(theirs, bytes);
        if (length === 0) break;
        all.push(bytes.subarray(0, length).toHex());
      }
      closeSync(theirs);
      return all;
    },
  };
}

/** NOTIFY, success, notify { script, pid }. */
function notify(script: string, pid = 0): string {
  const text = Buffer.from(script).toString("hex");
  const size = (count: number): string => count.toString(16).padStart(2, "0");
  return `08061001 2a${size(script.length + 4)} 0a${size(script.length)}${text} 10${size(pid)}`;
}
const RESTORED = "08021001 2202 0807";
const WENT_ON = encodeRequest({ type: 6, notify_success: true }).toHex();

describe("converse()", () => {
  test("reads what criu 3.17.1 answers to VERSION", () => {
    const { socket, heard } = scripted("08 0a 10 01 52 06 08 03 10 11 20 01");
    expect(converse(socket, "VERSION", {}).version).toBe(31_701);
    expect(heard()).toEqual(["080a"]);
  });

  test("lets criu go on after each moment, hands descriptors over, and closes them", () => {
    const { read, write } = pipe();
    closeSync(write);
    const { socket, heard } = scripted(
      notify("setup-namespaces", 7),
      { hex: notify("orphan-pts-master"), descriptors: [read] },
      RESTORED,
    );
    closeSync(read);
    const seen: (CriuNotify & { descriptors: number })[] = [];
    let handed = -1;
    const { restored } = converse(
      socket,
      "RESTORE",
      {},
      {
        onNotify(moment, descriptors) {
          handed = descriptors[0] ?? handed;
          seen.push({ ...moment, descriptors: descriptors.length });
        },
      },
    );
    expect(restored).toBe(7);
    expect(seen).toEqual([
      { script: "setup-namespaces", pid: 7, descriptors: 0 },
      { script: "orphan-pts-master", pid: 0, descriptors: 1 },
    ]);
    expect(() => closeSync(handed)).toThrow("bad file descriptor");
    expect(heard()).toEqual(["0802", WENT_ON, WENT_ON]);
  });

  test("what a moment throws is thrown, and criu is not told to go on", () => {
    const { socket, heard } = scripted(notify("setup-namespaces", 7), RESTORED);
    const onNotify = (): never => {
      throw new Error("the hook failed");
    };
    expect(() => converse(socket, "RESTORE", {}, { onNotify })).toThrow("the hook failed");
    expect(heard()).toEqual(["0802"]);
  });

  test.each([
    {
      says: "a failure",
      answer: `08 01 10 00 38 16 4a 1a ${Buffer.from("Error (criu/x.c:1): died\n\t").toString("hex")}`,
      want: "criu failed: type DUMP errno 22: Error (criu/x.c:1): died",
    },
    { says: "a failure at a moment", answer: "08 06 10 00", want: "criu failed: type NOTIFY errno 0" },
    {
      says: "an answer to something else",
      answer: "08 04 10 01",
      want: "it answers a request of type 4, not DUMP",
    },
    { says: "no type", answer: "10 01", want: "it says neither what it answers" },
    { says: "no success", answer: "08 01", want: "it says neither what it answers" },
    { says: "half an answer", answer: "08 01 10", want: "it ends within a number" },
    { says: "an answer that is too long", answer: "00".repeat(40_960), want: "it is too long" },
  ])("$says is an error", ({ answer, want }) => {
    expect(() => converse(scripted(answer).socket, "DUMP", {})).toThrow(want);
  });

  test.each(["08 02 10 01", "08 02 10 01 22 02 08 00", "08 02 10 01 22 0b 08 ff ff ff ff ff ff ff ff ff 01"])(
    "a restore without a pid that can be sent a signal is an error: %s",
    (answer) => {
      expect(() => converse(scripted(answer).socket, "RESTORE", {})).toThrow("it tells no pid");
    },
  );

  test("an end without an answer is an error", () => {
    const [socket, theirs] = socketPair();
    open.add(socket);
    const bytes = new Uint8Array(16);
    sendMessage(theirs, new Uint8Array(Uint8Array.fromHex(notify("pre-dump").replaceAll(" ", ""))));
    const onNotify = (): void => {
      receiveMessage(theirs, bytes);
      closeSync(theirs);
    };
    // The word to go on has nobody to go to.
    const want = "criu failed: type DUMP ended without an answer";
    expect(() => converse(socket, "DUMP", {}, { onNotify })).toThrow(want);
  });

  test("so is one that came before the request was read", () => {
    const [socket, theirs] = socketPair();
    open.add(socket);
    sendMessage(socket, new Uint8Array(1));
    sendMessage(theirs, new Uint8Array(Uint8Array.fromHex(notify("pre-dump").replaceAll(" ", ""))));
    const onNotify = (): void => closeSync(theirs);
    const want = "criu failed: type DUMP ended without an answer";
    expect(() => converse(socket, "DUMP", {}, { onNotify })).toThrow(want);
  });
});
