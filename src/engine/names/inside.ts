/**
 * Answers a container in its own network namespace, where no gateway of ours is: sockets of this process are made in there, at an address of
 * its loopback device and a port that nobody else has, to which port 53 of that address is led. What the container itself has at port 53 is
 * in nobody's way, nor this in its.
 *
 * A thread that this program's platform starts in that moment would be in there for ever, and the namespace with it, its devices and their
 * addresses. Making a socket starts none; a compiler or a collector may by chance, which is looked for each time.
 */
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { driverOf } from "../container/driver-of.ts";
import { inNamespace } from "../network/devices.ts";
import { applyRules } from "../network/nft.ts";
import type { HomeNetwork } from "../network/place.ts";
import { runIn } from "../network/run-in.ts";
import type { ContainerRecord } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { type Connections, type Listener, listen, type Respond } from "./listener.ts";
import { OWN_RESOLVER } from "./needed.ts";

const TABLE = "teu_names";
/** A runtime of somebody else's that hangs holds up nobody but its own container. */
const PATIENCE_MS = 2000;

/** A container's network namespace, held open. */
export interface Inside {
  readonly pid: number;
  /** Runs a program in there to its end. */
  readonly run: HomeNetwork["run"];
  /** Does `work`, which is done when it returns, in there. */
  readonly within: <T>(work: () => T) => T;
  close(): void;
}

/** The first process of a container, from when it is created on; undefined: it has none. */
export async function processOf(
  store: Store,
  { id, settings }: ContainerRecord,
): Promise<number | undefined> {
  const driver = await driverOf(store, settings.runtime);
  return await Promise.race([driver.pidOf(id), Bun.sleep(PATIENCE_MS).then(() => undefined)]);
}

/**
 * Opens the network namespace of a container whose first process is `pid`; undefined: it has just ended.
 * @param onStray  Called when another thread of this process is in there, and only its end takes that out.
 */
export async function openInside(
  store: Store,
  container: ContainerRecord,
  pid: number,
  onStray: () => void,
): Promise<Inside | undefined> {
  let namespace: number;
  try {
    namespace = openSync(`/proc/${pid}/ns/net`, "r");
  } catch {
    return undefined; // whoever cleans up after it tells us
  }
  // Another process could have this number by now.
  if ((await processOf(store, container)) !== pid) {
    closeSync(namespace);
    return undefined;
  }
  return {
    pid,
    run: (program, words, input) => runIn(`/proc/self/fd/${namespace}`, program, words, input),
    within: (work) => {
      const result = inNamespace(namespace, work);
      if (hasStrayThread()) onStray();
      return result;
    },
    close: () => closeSync(namespace),
  };
}

function hasStrayThread(): boolean {
  const own = readlinkSync("/proc/thread-self/ns/net");
  return readdirSync("/proc/self/task").some((thread) => {
    try {
      return readlinkSync(`/proc/self/task/${thread}/ns/net`) !== own;
    } catch {
      return false; // it has just ended
    }
  });
}

/** Listens in there. @throws {RulesRefused} */
export async function listenInside(
  inside: Inside,
  respond: Respond,
  connections: Connections,
): Promise<Listener> {
  const listener = await listen(OWN_RESOLVER, 0, respond, connections, inside.within);
  try {
    applyRules(rulesTo(listener.port), inside);
    return listener;
  } catch (error) {
    listener.close();
    throw error;
  }
}

function rulesTo(port: number): string {
  return `table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain asked {
    type nat hook output priority -100; policy accept;
    ip daddr ${OWN_RESOLVER} meta l4proto { tcp, udp } th dport 53 dnat to ${OWN_RESOLVER}:${port}
  }
}
`;
}
