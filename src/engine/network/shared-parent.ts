/**
 * Networks whose containers are on the same wire as this machine, or on a VLAN of it: macvlan and ipvlan. A container's device is born in
 * its namespace and goes with it, so nothing of it is left behind. Addresses are ours to give; there is no NAT, and no published port.
 * Source: docker's macvlan and ipvlan drivers; ip-link(8).
 */
import { closeSync, openSync } from "node:fs";
import { hasCode, TeuError } from "../../base/index.ts";
import {
  addAddress,
  addDefaultRoute,
  changeLink,
  createDummy,
  createLinkedDevice,
  createVlan,
  deleteLink,
  deleteMarkedElsewhere,
  findLink,
  type IPVLAN_MODES,
  type Link,
  type MACVLAN_MODES,
  markLink,
  NetlinkSocket,
  natureOf,
  numberNamespace,
} from "../../sys/index.ts";
import { addressBytes, type Pool } from "./address.ts";
import { addressBytes6, type Pool6 } from "./address6.ts";
import { AF_INET6, hardwareAddressOf, ipv4, ipv6, ipv6Of, markOf, socketIn } from "./devices.ts";

/** The device on which a network's containers are to be is not there. Docker's words. */
export class NoParentDevice extends TeuError<"no-parent-device", { network: string; parent: string }> {
  constructor(context: { network: string; parent: string }) {
    const { network, parent } = context;
    super(
      "no-parent-device",
      "failed-precondition",
      context,
      `Cannot connect to network ${JSON.stringify(network)}: its parent device ${JSON.stringify(parent)} is not on this machine`,
    );
  }
}

/** How a network's devices are made. */
export type SharedParent = {
  readonly id: string;
  readonly network: string;
  /** `eth0`, `eth0.10`; absent: a device that leads nowhere. */
  readonly parent: string | undefined;
} & (
  | { readonly driver: "macvlan"; readonly mode: keyof typeof MACVLAN_MODES }
  | { readonly driver: "ipvlan"; readonly mode: keyof typeof IPVLAN_MODES }
);

/** A container's place. */
export interface SharedPlace {
  readonly subnet: Pool;
  readonly address: number;
  /** Absent: what the wire's routers say, if any. */
  readonly ipv6?: { readonly subnet: Pool6; readonly address: bigint } | undefined;
  readonly device: string;
  readonly hardwareAddress: string | undefined;
  /** Of the device, by their paths below /proc/sys. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly isDefault: boolean;
  /** Of the device, by which it is found when its container has ended. */
  readonly mark: string;
}

/** Gives process `pid`'s network namespace a device on the parent. @throws {NoParentDevice} {NetlinkRefused} */
export function connectToParent(pid: number, network: SharedParent, place: SharedPlace): void {
  const { subnet, address, ipv6: place6, device, hardwareAddress, isDefault, mark } = place;
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    using outside = new NetlinkSocket();
    numberNamespace(outside, namespace);
    const parent = ensureParent(outside, network);
    const common = { name: device, parent, namespace };
    whenFree(() =>
      createLinkedDevice(
        outside,
        network.driver === "macvlan"
          ? {
              ...common,
              kind: "macvlan",
              mode: network.mode,
              hardwareAddress: hardwareAddressOf(address, hardwareAddress),
            }
          : { ...common, kind: "ipvlan", mode: network.mode },
      ),
    );
    const parameters = { ...(place6 !== undefined && ipv6Of(device, true)), ...place.parameters };
    using inside = socketIn(namespace, parameters);
    const link = findLink(inside, device);
    if (link === undefined) throw new RangeError(`The kernel made ${device}, and it is not there`);
    whenFree(() => addAddress(inside, link, ipv4(address, subnet.prefixLength)));
    markLink(inside, link, mark);
    whenFree(() => changeLink(inside, link, { isUp: true }));
    if (isDefault) addDefaultRoute(inside, link, routerOf(network, subnet));
    if (place6 === undefined) return;
    whenFree(() => addAddress(inside, link, ipv6(place6.address, place6.subnet.prefixLength)));
    if (isDefault) addDefaultRoute(inside, link, routerOf6(network, place6.subnet), AF_INET6);
  } finally {
    closeSync(namespace);
  }
}

const PATIENCE_MS = 3000;
const LOOK_AGAIN_MS = 2;

/** The kernel takes its time over the namespace of a container that has ended, which may have had the same address on the wire. */
function whenFree(work: () => void): void {
  for (const end = performance.now() + PATIENCE_MS; ; Bun.sleepSync(LOOK_AGAIN_MS))
    try {
      work();
      return;
    } catch (error) {
      const isTaken = hasCode(error, "netlink-refused") && error.context["errno"] === "EADDRINUSE";
      if (!isTaken || performance.now() > end) throw error;
    }
}

/** By whom the world is reached; undefined: the parent finds its way itself, as a router. */
export function routerOf({ mode }: Pick<SharedParent, "mode">, subnet: Pool): Uint8Array | undefined {
  return mode === "l3" || mode === "l3s" ? undefined : addressBytes(subnet.gateway);
}

/** The same of IPv6. */
export function routerOf6({ mode }: Pick<SharedParent, "mode">, subnet: Pool6): Uint8Array | undefined {
  return mode === "l3" || mode === "l3s" ? undefined : addressBytes6(subnet.gateway);
}

function ensureParent(socket: NetlinkSocket, network: SharedParent): Link {
  const { id, parent } = network;
  if (parent === undefined) return createDummy(socket, dummyOf(id));
  const present = findLink(socket, parent);
  if (present !== undefined) return present;
  const missing = new NoParentDevice({ network: network.network, parent });
  const [, base = "", number = ""] = /^(.+)\.([1-9]\d{0,3})$/.exec(parent) ?? [];
  const below = base === "" || Number(number) > 4094 ? undefined : findLink(socket, base);
  if (below === undefined) throw missing;
  return createVlan(socket, { name: parent, parent: below, id: Number(number), alias: markOf(id) });
}

/** Takes away what was made for the network: a device that leads nowhere, or one of a VLAN that was not there before. */
export function removeParent({ id, parent }: Pick<SharedParent, "id" | "parent">): void {
  using socket = new NetlinkSocket();
  const link = findLink(socket, parent ?? dummyOf(id));
  if (link !== undefined && (parent === undefined || natureOf(socket, link).alias === markOf(id)))
    deleteLink(socket, link);
}

/**
 * Takes the device of a container off the parent, where the kernel keeps it after the container's end, for the sake of connections that have not
 * ended: it would go on to answer at its address, which the next run has, too.
 */
export function disconnectEnded(device: string, mark: string): void {
  using socket = new NetlinkSocket();
  deleteMarkedElsewhere(socket, device, mark);
}

/** Takes a container that runs off the parent. */
export function disconnectFromParent(pid: number, device: string): void {
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    using inside = socketIn(namespace);
    const link = findLink(inside, device);
    if (link !== undefined) deleteLink(inside, link);
  } finally {
    closeSync(namespace);
  }
}

function dummyOf(id: string): string {
  return `teu-${id.slice(0, 10)}`;
}
