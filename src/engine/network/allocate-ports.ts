/** Which ports of this machine lead to a container: those that it asks for, when nobody has them. */
import { bridgeSettings } from "../options/bridge-options.ts";
import type { PublishedPort } from "../options/publish.ts";
import { inTransaction } from "../store/database.ts";
import { addPort, type EndpointRecord, listPorts, type PortRecord } from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { LOOPBACK6 } from "./address6.ts";
import { PortInUse, PortNeedsIPv6 } from "./errors.ts";
import { endpointsOf, isInternal, networkByID } from "./find.ts";
import { lock } from "./lock.ts";
import { freePort, isPortFree } from "./port.ts";

/** Publishes ports of a container that somebody else leads there. @throws {PortInUse} */
export function reservePorts(store: Store, container: string, ports: readonly PublishedPort[]): void {
  using _lock = lock(store);
  inTransaction(store.database, () => allocatePorts(store, container, ports));
}

/** Ports of the host that nobody has. In a transaction. @throws {PortInUse} */
export function allocatePorts(store: Store, container: string, ports: readonly PublishedPort[]): void {
  const { database, home } = store;
  const open = endpointsOf(store, container).filter(({ network }) => !isInternal(store, network));
  const hasIPv6 = open.some(({ address6 }) => address6 !== null);
  const everywhere = defaultAddress(store, open);
  for (const { protocol, hostAddress = everywhere, hostPort, lastHostPort, containerPort } of ports) {
    const taken = listPorts(database).map((port) => asTaken(port, home));
    const wanted = { container, protocol, hostAddress, containerPort };
    const isOurs = (number: number) => !collides(taken, asTaken({ ...wanted, hostPort: number }, home));
    const isFree = (number: number) => isOurs(number) && isPortFree(protocol, hostAddress, number);
    const port =
      hostPort === undefined
        ? freePort(protocol, hostAddress, isOurs)
        : (firstIn(hostPort, lastHostPort ?? hostPort, isFree) ?? hostPort);
    if (!isFree(port)) throw new PortInUse({ address: hostAddress || "0.0.0.0", port });
    if (isIPv6(hostAddress) && hostAddress !== LOOPBACK6 && !hasIPv6)
      throw new PortNeedsIPv6({ address: hostAddress, port });
    addPort(database, { ...wanted, hostPort: port });
  }
}

function firstIn(first: number, last: number, test: (number: number) => boolean): number | undefined {
  for (let number = first; number <= last; number++) if (test(number)) return number;
  return undefined;
}

/** Where ports are open that name no address: as the network says to which they lead. "": everywhere. */
function defaultAddress(store: Store, open: readonly EndpointRecord[]): string {
  const bridged = open
    .map(({ network }) => networkByID(store, network))
    .find(({ driver }) => driver === "bridge");
  return bridgeSettings(bridged?.options ?? {}).hostAddress ?? "";
}

/** In a home a port leads to one container, whatever the address of the machine that it is asked at. */
function asTaken(port: PortRecord, home: Store["home"]): PortRecord {
  return home === undefined ? port : { ...port, hostAddress: "" };
}

function collides(taken: readonly PortRecord[], wanted: PortRecord): boolean {
  return taken.some(
    ({ protocol, hostAddress, hostPort }) =>
      protocol === wanted.protocol &&
      hostPort === wanted.hostPort &&
      shareAddress(hostAddress, wanted.hostAddress),
  );
}

/** Whether there is an address that both mean: "" is every one, `0.0.0.0` and `::` every one of their kind. */
function shareAddress(a: string, b: string): boolean {
  if (a === "" || b === "" || a === b) return true;
  const every = isIPv6(a) ? "::" : "0.0.0.0";
  return isIPv6(a) === isIPv6(b) && (a === every || b === every);
}

export function isIPv6(address: string): boolean {
  return address.includes(":");
}
