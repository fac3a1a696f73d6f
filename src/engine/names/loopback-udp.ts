/**
 * UDP at ::1, led on: whoever asks there has a socket of their own to the container, so that answers find back, for as long as either says
 * something, as docker's proxy has it. The sockets are connected: nobody but the container is heard by them.
 */
import { LOOPBACK6 } from "../network/address6.ts";
import type { LoopbackListener, LoopbackPort } from "./loopback.ts";

/** As docker's proxy, and the kernel's connection tracking before Linux 5.8. */
const IDLE_MS = 90_000;
/** Beyond them the one goes that was silent for longest: each is a descriptor. */
const MAX_FLOWS = 1024;
/** How many datagrams wait for a socket that is being made. */
const MAX_WAITING = 64;

/** Listens at the port of `first`. @returns undefined where somebody else does */
export async function leadUDP(first: LoopbackPort): Promise<LoopbackListener | undefined> {
  let target = first;
  /** By who asks; the one that was silent for longest comes first. */
  const flows = new Map<string, Flow>();
  const forget = (asker: string): void => {
    flows.get(asker)?.close();
    flows.delete(asker);
  };
  const server = await Bun.udpSocket({
    hostname: LOOPBACK6,
    port: first.hostPort,
    socket: {
      data(socket, message, port, address) {
        const asker = `${address} ${port}`;
        const answer = (bytes: Uint8Array) => {
          if (!socket.closed) sendOrLose(() => socket.send(bytes, port, address));
        };
        const flow = flows.get(asker) ?? new Flow(target, answer, () => forget(asker));
        flows.delete(asker);
        flows.set(asker, flow);
        if (flows.size > MAX_FLOWS) for (const [oldest] of flows.entries().take(1)) forget(oldest);
        flow.send(message);
      },
      // Somebody did not wait for the answer.
      error: () => undefined,
    },
  }).catch(() => undefined);
  if (server === undefined) return undefined;
  const end = () => {
    for (const asker of [...flows.keys()]) forget(asker);
  };
  return {
    leadTo(other) {
      // An address that was the old container's may be another one's by now.
      if (other.address !== target.address || other.containerPort !== target.containerPort) end();
      target = other;
    },
    close() {
      server.close();
      end();
    },
  };
}

/** What one asker and the container say to each other. */
class Flow {
  readonly #timer: Timer;
  #socket: Bun.udp.ConnectedSocket<"buffer"> | undefined;
  #waiting: Uint8Array[] = [];
  #isClosed = false;

  /** @param onEnd  Called when it has been silent for too long, or cannot be. */
  constructor(
    { address, containerPort }: LoopbackPort,
    answer: (bytes: Uint8Array) => void,
    onEnd: () => void,
  ) {
    this.#timer = setTimeout(onEnd, IDLE_MS);
    const connected = Bun.udpSocket({
      // Its kind of address is the socket's.
      hostname: address.includes(":") ? "::" : "0.0.0.0",
      connect: { hostname: address, port: containerPort },
      socket: {
        data: (_socket, message) => {
          this.#timer.refresh();
          answer(message);
        },
        // Nothing listens in the container, yet: a datagram that is lost.
        error: () => undefined,
      },
    });
    connected.then((socket) => {
      if (this.#isClosed) {
        socket.close();
        return;
      }
      this.#socket = socket;
      for (const message of this.#waiting) sendOrLose(() => socket.send(message));
      this.#waiting = [];
    }, onEnd);
  }

  send(message: Uint8Array): void {
    this.#timer.refresh();
    const socket = this.#socket;
    if (socket !== undefined) sendOrLose(() => socket.send(message));
    // It is the caller's buffer.
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(Uint8Array.from(message));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }
}

/** UDP loses what it cannot send: nothing listens in the container, as the answer to an earlier datagram said, or the device takes no more. */
function sendOrLose(send: () => boolean): void {
  try {
    send();
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
  }
}
