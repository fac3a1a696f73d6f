/** Where questions come in: an address and a port, by UDP and by TCP. Source: RFC 1035, 4.2. */
import { encodeFrame, FrameReader } from "./upstream.ts";

/** Answers a question; undefined: by silence. */
export type Respond = (
  message: Uint8Array,
  address: string,
  transport: "udp" | "tcp",
) => Promise<Uint8Array | undefined>;

/** Its sockets. */
export interface Listener {
  readonly port: number;
  close(): void;
}

/** How many connections there are, of all listeners. */
export interface Connections {
  count: number;
}

const MAX_CONNECTIONS = 256;
const ATTEMPTS = 8;

/**
 * Listens at `hostname`.
 * @param port    Preferred; 0: any. Where it is taken, another one.
 * @param within  Makes the sockets, each when it is called, in the network namespace where they belong.
 */
export async function listen(
  hostname: string,
  port: number,
  respond: Respond,
  connections: Connections,
  within: <T>(work: () => T) => T = (work) => work(),
): Promise<Listener> {
  for (let attempt = port === 0 ? 1 : 0; ; attempt++)
    try {
      return await listenAt(hostname, attempt === 0 ? port : 0, respond, connections, within);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
}

async function listenAt(
  hostname: string,
  port: number,
  respond: Respond,
  connections: Connections,
  within: <T>(work: () => T) => T,
): Promise<Listener> {
  const udp = await within(() =>
    Bun.udpSocket({
      hostname,
      port,
      socket: {
        async data(socket, message, senderPort, address) {
          const answer = await respond(Uint8Array.from(message), address, "udp");
          if (answer !== undefined && !socket.closed) socket.send(answer, senderPort, address);
        },
      },
    }),
  );
  try {
    const tcp = within(() => listenByTCP(hostname, udp.port, respond, connections));
    const close = () => {
      udp.close();
      tcp.stop(true);
    };
    return { port: udp.port, close };
  } catch (error) {
    udp.close();
    throw error;
  }
}

function listenByTCP(hostname: string, port: number, respond: Respond, connections: Connections) {
  return Bun.listen<FrameReader>({
    hostname,
    port,
    socket: {
      open(socket) {
        socket.timeout(10);
        socket.data = new FrameReader((message) => {
          respond(message, socket.remoteAddress, "tcp").then(
            (answer) => {
              if (answer === undefined) socket.end();
              else socket.write(encodeFrame(answer));
            },
            () => {
              socket.end();
            },
          );
        });
        if (++connections.count > MAX_CONNECTIONS) socket.end();
      },
      data: (socket, bytes) => socket.data.write(bytes),
      timeout(socket) {
        socket.end();
      },
      close() {
        connections.count--;
      },
    },
  });
}
