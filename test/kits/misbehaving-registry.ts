/**
 * A registry on a real socket that writes what a test's script says, byte for byte, and breaks where it says.
 * What `Response` cannot express is said here: half a status line, a short body, a reset in the middle of a header.
 */
import { createServer, type Socket } from "node:net";

/** What is done with one request: `head` is what the client sent, up to the empty line. */
export type Misdeed = (socket: Socket, head: string) => void;

/** A registry under way; leaving the scope stops it. */
export interface MisbehavingRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** The heads of all requests so far. */
  readonly asked: readonly string[];
}

/** Listens on loopback and does one of `misdeeds` per request; the last one is done again for all that follow. */
export async function misbehavingRegistry(...misdeeds: Misdeed[]): Promise<MisbehavingRegistry> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = "";
    // The client goes away in the middle of an endless answer: that is what such a test wants.
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      head += data.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      const whole = head;
      head = "";
      asked.push(whole);
      misdeeds[Math.min(asked.length, misdeeds.length) - 1]?.(socket, whole);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const at = server.address();
  if (at === null || typeof at === "string") throw new Error("The registry has no port");
  return {
    address: `127.0.0.1:${at.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** A whole answer as it goes over the wire; the connection is not used again. */
export function wire(
  status: string,
  body: string | Uint8Array,
  headers: Record<string, string | number> = {},
): Buffer {
  const all = { connection: "close", "content-length": Buffer.byteLength(body), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`), Buffer.from(body)]);
}

/** Writes `bytes` and ends the connection in order. */
export function says(bytes: Uint8Array): Misdeed {
  return (socket) => socket.end(bytes);
}

/** Writes `bytes` and resets the connection. */
export function resetsAfter(bytes: Uint8Array): Misdeed {
  return (socket) => {
    if (bytes.byteLength === 0) socket.resetAndDestroy();
    else socket.write(bytes, () => socket.resetAndDestroy());
  };
}

/** Writes `head` and then without end, as fast as it is read; `sent` counts what was written. */
export function floods(head: Uint8Array, sent: { bytes: number }): Misdeed {
  const chunk = Buffer.alloc(65_536, "x");
  return (socket) => {
    const more = (): void => {
      if (socket.destroyed) return;
      sent.bytes += chunk.byteLength;
      socket.write(chunk, (error) => (error ? undefined : setImmediate(more)));
    };
    socket.write(head, more);
  };
}
