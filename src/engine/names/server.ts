/**
 * The name server of a store: a process that is there while containers are in networks whose names it knows. It listens at the gateway's
 * address of each, on a port that the packet filter leads port 53 to, so that nothing else on this machine is in its way. It keeps nothing: every
 * question is answered from the records. Whoever connects or disconnects a container tells it by its socket; it answers when it is ready.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { tryLockFile } from "../../sys/index.ts";
import { encodeAddress } from "../network/address.ts";
import { putNamePort } from "../network/connect.ts";
import { openRecordsHere } from "../open-here.ts";
import { listEndpoints, type NetworkRecord } from "../store/networks.ts";
import { withContent } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { answersTo, askerAt } from "./known.ts";
import { encodeAnswer, encodeMalformed, encodeRefusal, parseQuery, rcode } from "./message.ts";
import { namedNetworks, nameSocket } from "./needed.ts";
import { askUpstream, encodeFrame, FrameReader, hostResolvers } from "./upstream.ts";

/** As docker has it: who has as many questions open waits no longer for us than for nobody. */
const MAX_IN_FLIGHT = 1024;
const MAX_CONNECTIONS = 256;

/** One network's sockets. */
interface Listener {
  readonly port: number;
  close(): void;
}

/**
 * Serves the store of TEU_ROOT and TEU_RUN until no container is in a network that needs it. One server is enough: a second one ends at once.
 * It cleans up after nobody, unlike commands: these have it started.
 */
export async function serveNames(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const store = withContent(await openRecordsHere(environment));
  using lock = tryLockFile(join(store.paths.run, "names.lock"));
  if (lock === undefined) return;
  const server = new NameServer(store);
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>();
  const path = nameSocket(store);
  rmSync(path, { force: true }); // of one that was killed
  // One thing at a time: two changes that come together are looked at one after the other.
  let work = Promise.resolve();
  await server.refresh();
  using _control = Bun.listen<undefined>({
    unix: path,
    socket: {
      data(socket) {
        work = work.then(async () => {
          await server.refresh();
          socket.end("ok");
          if (server.isIdle) end();
        });
        work.catch(fail);
      },
    },
  });
  if (server.isIdle) end();
  try {
    await ended;
  } finally {
    rmSync(path, { force: true });
    server.close();
  }
}

class NameServer {
  readonly #store: Store;
  /** By the ID of the network. */
  readonly #listeners = new Map<string, Listener>();
  #inFlight = 0;
  #connections = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  get isIdle(): boolean {
    return this.#listeners.size === 0;
  }

  /** Listens where containers are, and nowhere else. */
  async refresh(): Promise<void> {
    const { database } = this.#store;
    const used = new Set(listEndpoints(database).map(({ network }) => network));
    const wanted = namedNetworks(this.#store).filter(({ id }) => used.has(id));
    for (const [id, listener] of this.#listeners) {
      if (wanted.some((network) => network.id === id)) continue;
      listener.close();
      this.#listeners.delete(id);
    }
    for (const network of wanted) {
      if (this.#listeners.has(network.id)) continue;
      const listener = await this.#listen(network);
      this.#listeners.set(network.id, listener);
      if (listener.port !== network.namePort) putNamePort(this.#store, network.id, listener.port);
    }
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  /** Where it listened before, if nobody else does by now. */
  async #listen(network: NetworkRecord): Promise<Listener> {
    const hostname = encodeAddress(network.subnet.gateway);
    for (let attempt = network.namePort === null ? 1 : 0; ; attempt++) {
      const port = attempt === 0 ? (network.namePort ?? 0) : 0;
      try {
        return await this.#listenAt(network.id, hostname, port);
      } catch (error) {
        if (attempt === 8) throw error;
      }
    }
  }

  async #listenAt(network: string, hostname: string, port: number): Promise<Listener> {
    const respond = (message: Uint8Array, address: string, transport: "udp" | "tcp") =>
      this.#respond(network, message, address, transport);
    const udp = await Bun.udpSocket({
      hostname,
      port,
      socket: {
        async data(socket, message, senderPort, address) {
          const answer = await respond(Uint8Array.from(message), address, "udp");
          if (answer !== undefined && !socket.closed) socket.send(answer, senderPort, address);
        },
      },
    });
    try {
      const tcp = this.#listenByTCP(hostname, udp.port, respond);
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

  #listenByTCP(
    hostname: string,
    port: number,
    respond: (message: Uint8Array, address: string, transport: "tcp") => Promise<Uint8Array | undefined>,
  ) {
    const opened = () => ++this.#connections <= MAX_CONNECTIONS;
    const closed = () => {
      this.#connections--;
    };
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
          if (!opened()) socket.end();
        },
        data: (socket, bytes) => socket.data.write(bytes),
        timeout(socket) {
          socket.end();
        },
        close: closed,
      },
    });
  }

  /** @returns undefined where silence is the answer */
  async #respond(
    network: string,
    message: Uint8Array,
    address: string,
    transport: "udp" | "tcp",
  ): Promise<Uint8Array | undefined> {
    const query = parseQuery(message);
    if (query === undefined) return undefined;
    if (typeof query === "number") return encodeMalformed(message, query);
    // Only the containers of a network are told who is in it.
    const asker = askerAt(this.#store, network, address);
    if (asker === undefined) return encodeRefusal(query, rcode.refused);
    const known = answersTo(this.#store, asker, query);
    if (known !== undefined) return encodeAnswer(query, known);
    // Who can send nothing out must not do so by its questions (CVE-2024-29018).
    const isShutIn = asker.networks.every(({ isInternal }) => isInternal);
    if (isShutIn || this.#inFlight >= MAX_IN_FLIGHT) return encodeRefusal(query, rcode.serverFailure);
    this.#inFlight++;
    try {
      const { resolvers = [] } = asker.container.settings;
      const asked = resolvers.length > 0 ? resolvers : hostResolvers();
      const answer = await askUpstream(message, query, transport, asked);
      return answer ?? encodeRefusal(query, rcode.serverFailure);
    } finally {
      this.#inFlight--;
    }
  }
}
