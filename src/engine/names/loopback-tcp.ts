/** TCP at ::1, led on: a connection of its own to the container for each, as docker's proxy has it. */
import { connect, createServer, type Socket } from "node:net";
import { LOOPBACK6 } from "../network/address6.ts";
import type { LoopbackListener, LoopbackPort } from "./loopback.ts";

/** Listens at the port of `first`. @returns undefined where somebody else does */
export async function leadTCP(first: LoopbackPort): Promise<LoopbackListener | undefined> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let target = first;
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const { address, containerPort } = target;
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
  server.once("error", () => resolve(false));
  server.listen({ host: LOOPBACK6, port: first.hostPort, ipv6Only: true }, () => resolve(true));
  if (!(await promise)) return undefined;
  return {
    leadTo(other) {
      target = other;
    },
    close() {
      server.close();
      // What is open ends: the container is gone.
      for (const socket of connections) socket.destroy();
    },
  };
}
