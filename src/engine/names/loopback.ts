/** Published ports that are open at ::1, from where the kernel leads nothing to a container. */
import { encodeAddress } from "../network/address.ts";
import { LOOPBACK6 } from "../network/address6.ts";
import { allNetworks, listEndpoints, listPorts } from "../store/networks.ts";
import type { Records } from "../store/store.ts";

/** One of them, and where it leads. */
export interface LoopbackPort {
  readonly protocol: "tcp" | "udp";
  readonly hostPort: number;
  readonly address: string;
  readonly containerPort: number;
}

/** What listens there. */
export interface LoopbackListener {
  /** From now on it leads there: the container has been started again. */
  leadTo(target: LoopbackPort): void;
  /** What is open ends with it. */
  close(): void;
}

/** Those that name the address, and those that are open at every address of a container with IPv6. */
export function loopbackPorts({ database }: Records): LoopbackPort[] {
  const ports = listPorts(database).filter(({ hostAddress }) => ["", "::", LOOPBACK6].includes(hostAddress));
  if (ports.length === 0) return [];
  // Into an internal network nothing is led.
  const open = new Set(
    allNetworks(database)
      .filter(({ driver, isInternal }) => driver === "bridge" && !isInternal)
      .map(({ id }) => id),
  );
  const endpoints = listEndpoints(database).filter(({ network }) => open.has(network));
  return ports.flatMap(({ container, protocol, hostAddress, hostPort, containerPort }) => {
    if (protocol === "sctp") return []; // see options/publish.ts
    const endpoint = endpoints.find((other) => other.container === container);
    if (endpoint === undefined) return [];
    const { address, address6 } = endpoint;
    if (hostAddress !== LOOPBACK6 && address6 === null) return [];
    return [{ protocol, hostPort, address: address6 ?? encodeAddress(address), containerPort }];
  });
}
