/** Leads on what asks at ::1: a connection of its own to the container for each, as docker's proxy has it. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { LOOPBACK6 } from "../network/address6.ts";
import type { LoopbackPort } from "./loopback.ts";

interface Open {
  readonly server: Server;
  readonly connections: Set<Socket>;
  target: LoopbackPort;
}

export class LoopbackServer {
  /** By the port. */
  readonly #open = new Map<number, Open>();

  /** Listens at the ports of `wanted`, and at no others. What somebody else has taken meanwhile is tried again the next time. */
  async refresh(wanted: readonly LoopbackPort[]): Promise<void> {
    for (const [port, open] of this.#open) {
      if (wanted.some(({ hostPort }) => hostPort === port)) continue;
      close(open);
      this.#open.delete(port);
    }
    for (const target of wanted) {
      const known = this.#open.get(target.hostPort);
      if (known !== undefined) known.target = target;
      else await this.#listen(target);
    }
  }

  close(): void {
    for (const open of this.#open.values()) close(open);
    this.#open.clear();
  }

  async #listen(target: LoopbackPort): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const connections = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const { address, containerPort } = open.target;
      const inner = connect({ host: address, port: containerPort, allowHalfOpen: true });
      for (const [from, to] of [
        [socket, inner],
        [inner, socket],
      ] as const) {
        connections.add(from);
        from.pipe(to);
        // One that breaks takes the other with it.
        from.on("error", () => to.destroy());
        from.on("close", (isBroken) => {
          connections.delete(from);
          if (isBroken) to.destroy();
        });
      }
    });
    const open: Open = { server, connections, target };
    server.once("error", () => resolve(false));
    server.listen({ host: LOOPBACK6, port: target.hostPort, ipv6Only: true }, () => resolve(true));
    if (await promise) this.#open.set(target.hostPort, open);
  }
}

/** What is open ends: the container is gone. */
function close({ server, connections }: Open): void {
  server.close();
  for (const socket of connections) socket.destroy();
}
