/**
 * The name server of a store: a process that is there while containers are in networks whose names it knows. It listens at the gateway's
 * address of each, on a port that the packet filter leads port 53 to, so that nothing else on this machine is in its way; and for containers that
 * reach no gateway, on the wire of this machine, in their own namespaces. It keeps nothing: every question is answered from the records. Whoever
 * connects or disconnects a container tells it by its socket; it answers when it is ready. It also leads on what asks for a published port at ::1.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { tryLockFile } from "../../sys/index.ts";
import { encodeAddress } from "../network/address.ts";
import { putNamePort } from "../network/connect.ts";
import { openRecordsHere } from "../open-here.ts";
import { type ContainerRecord, listContainers } from "../store/containers.ts";
import { allNetworks, listEndpoints, type NetworkRecord } from "../store/networks.ts";
import { withContent } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { type Inside, listenInside, openInside, processOf } from "./inside.ts";
import { type Asker, answersTo, askerAt, askerOf } from "./known.ts";
import { type Connections, type Listener, listen, type Respond } from "./listener.ts";
import { loopbackPorts } from "./loopback.ts";
import type { LoopbackServer } from "./loopback-server.ts";
import { encodeAnswer, encodeMalformed, encodeRefusal, parseQuery, rcode } from "./message.ts";
import { isAskedAt, nameServerOf, nameSocket, needsNameServer, OWN_RESOLVER } from "./needed.ts";
import { startNameServer } from "./tell.ts";
import { askUpstream, hostResolvers } from "./upstream.ts";

/** As docker has it: who has as many questions open waits no longer for us than for nobody. */
const MAX_IN_FLIGHT = 1024;

/**
 * Serves the store of TEU_ROOT and TEU_RUN until no container is in a network that needs it. One server is enough: a second one ends at once.
 * It cleans up after nobody, unlike commands: these have it started.
 */
export async function serveNames(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const store = withContent(await openRecordsHere(environment));
  if ((await serve(store)) === "stray") startNameServer(store);
}

/** @returns why it ended: nobody needs it, somebody else serves, or it has to begin anew, see inside.ts */
async function serve(store: Store): Promise<"idle" | "second" | "stray"> {
  using lock = tryLockFile(join(store.paths.run, "names.lock"));
  if (lock === undefined) return "second";
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<"idle" | "stray">();
  const server = new NameServer(store, () => end("stray"));
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
          if (server.isIdle) end("idle");
        });
        work.catch(fail);
      },
    },
  });
  if (server.isIdle) end("idle");
  try {
    return await ended;
  } finally {
    rmSync(path, { force: true });
    server.close();
  }
}

/** A container that is answered in its own namespace. */
interface OwnListener {
  readonly inside: Inside;
  readonly listener: Listener;
}

class NameServer {
  readonly #store: Store;
  /** By the ID of the network. */
  readonly #atGateways = new Map<string, Listener>();
  /** By the ID of the container. */
  readonly #inside = new Map<string, OwnListener>();
  readonly #connections: Connections = { count: 0 };
  #loopback: LoopbackServer | undefined;
  readonly #onStray: () => void;
  #inFlight = 0;

  constructor(store: Store, onStray: () => void) {
    this.#store = store;
    this.#onStray = onStray;
  }

  get isIdle(): boolean {
    return this.#atGateways.size === 0 && this.#inside.size === 0 && !needsNameServer(this.#store);
  }

  /** Listens where containers ask, and nowhere else. */
  async refresh(): Promise<void> {
    const { database, namespace } = this.#store;
    const endpoints = listEndpoints(database);
    const networks = allNetworks(database).filter(({ id }) =>
      endpoints.some(({ network }) => network === id),
    );
    await this.#refreshLoopback();
    await this.#refreshGateways(networks.filter(isAskedAt));
    const networksOf = (id: string) =>
      networks.filter((network) =>
        endpoints.some((endpoint) => endpoint.container === id && endpoint.network === network.id),
      );
    await this.#refreshInside(
      listContainers(database, namespace).filter(({ id }) => nameServerOf(networksOf(id)) === OWN_RESOLVER),
    );
  }

  async #refreshLoopback(): Promise<void> {
    const ports = loopbackPorts(this.#store);
    if (this.#loopback === undefined && ports.length > 0)
      this.#loopback = new (await import("./loopback-server.ts")).LoopbackServer();
    await this.#loopback?.refresh(ports);
  }

  async #refreshGateways(wanted: readonly NetworkRecord[]): Promise<void> {
    for (const [id, listener] of this.#atGateways) {
      if (wanted.some((network) => network.id === id)) continue;
      listener.close();
      this.#atGateways.delete(id);
    }
    for (const { id, subnet, namePort } of wanted) {
      if (this.#atGateways.has(id)) continue;
      // Only the containers of a network are told who is in it. It listens where it listened before, if nobody else does by now.
      const respond: Respond = (message, address, transport) =>
        this.#respond(askerAt(this.#store, id, address), message, transport);
      const gateway = encodeAddress(subnet.gateway);
      const listener = await listen(gateway, namePort ?? 0, respond, this.#connections);
      this.#atGateways.set(id, listener);
      if (listener.port !== namePort) putNamePort(this.#store, id, listener.port);
    }
  }

  async #refreshInside(wanted: readonly ContainerRecord[]): Promise<void> {
    const pids = new Map<string, number | undefined>();
    for (const container of wanted) pids.set(container.id, await processOf(this.#store, container));
    for (const [id, own] of this.#inside) {
      if (pids.get(id) === own.inside.pid) continue;
      closeOwn(own);
      this.#inside.delete(id);
    }
    for (const container of wanted) {
      const { id } = container;
      const pid = pids.get(id);
      if (pid === undefined || this.#inside.has(id)) continue;
      const inside = await openInside(this.#store, container, pid, this.#onStray);
      if (inside === undefined) continue;
      const respond: Respond = (message, _address, transport) =>
        this.#respond(askerOf(this.#store, id), message, transport, inside.within);
      try {
        const listener = await listenInside(inside, respond, this.#connections);
        this.#inside.set(id, { inside, listener });
      } catch (error) {
        inside.close();
        throw error;
      }
    }
  }

  close(): void {
    this.#loopback?.close();
    for (const listener of this.#atGateways.values()) listener.close();
    this.#atGateways.clear();
    for (const own of this.#inside.values()) closeOwn(own);
    this.#inside.clear();
  }

  /** @returns undefined where silence is the answer */
  async #respond(
    asker: Asker | undefined,
    message: Uint8Array,
    transport: "udp" | "tcp",
    within?: Inside["within"],
  ): Promise<Uint8Array | undefined> {
    const query = parseQuery(message);
    if (query === undefined) return undefined;
    if (typeof query === "number") return encodeMalformed(message, query);
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
      const answer = await askUpstream(message, query, transport, asked, within);
      return answer ?? encodeRefusal(query, rcode.serverFailure);
    } finally {
      this.#inFlight--;
    }
  }
}

function closeOwn({ inside, listener }: OwnListener): void {
  listener.close();
  inside.close();
}
