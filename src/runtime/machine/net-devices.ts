/**
 * Network devices that move into the container: renamed on the way, with their lasting addresses, and set up there. When the
 * create fails afterwards they go back, since with the namespace the kernel would remove them.
 * Source: runtime-spec config-linux.md, Network Devices.
 */
import { TeuError } from "../../base/index.ts";
import type { NetDevice } from "../../spec/index.ts";
import {
  addAddress,
  addressesOf,
  changeLink,
  check,
  duplicate,
  findLink,
  type Link,
  type LinkAddress,
  NetlinkSocket,
  syscall,
} from "../../sys/index.ts";
import { CleanupFailed } from "./roll-back.ts";

/** The host has no such device. The words are runc's. */
export class NoNetDevice extends TeuError<"no-net-device", { field: string; name: string }> {
  constructor(context: { field: string; name: string }) {
    super(
      "no-net-device",
      "not-found",
      context,
      `${context.field}: link not found for interface ${context.name} on runtime namespace`,
    );
  }
}

/** A network namespace, as a socket in it and a descriptor of it. */
interface Side extends Disposable {
  readonly socket: NetlinkSocket;
  readonly namespace: number;
}

/** What a device was before, and how far it has come. */
interface Moved {
  readonly before: Link;
  readonly name: string;
  readonly addresses: readonly LinkAddress[];
  isThere: boolean;
}

const SIOCGSKNS = 0x894c;

/** Devices on the other side. They stay there when this is disposed of. */
export class MovedDevices implements Disposable {
  readonly #here: Side;
  readonly #there: Side;
  readonly #moved: Moved[] = [];

  /** @param socket  A netlink socket of the container's network namespace; stays the caller's. */
  constructor(socket: number) {
    this.#here = openSide(new NetlinkSocket());
    try {
      this.#there = openSide(new NetlinkSocket(duplicate(socket)));
    } catch (error) {
      this.#here[Symbol.dispose]();
      throw error;
    }
  }

  /** Moves `devices`; after a failure `moveBack` is to be called. @throws {NoNetDevice} {NetlinkRefused} */
  move(devices: Readonly<Record<string, NetDevice>>): void {
    for (const [name, device] of Object.entries(devices)) {
      const field = `linux.netDevices[${JSON.stringify(name)}]`;
      const before = findLink(this.#here.socket, name);
      if (before === undefined) throw new NoNetDevice({ field, name });
      // While it is up: when it goes down the kernel takes those of version 6 away.
      const addresses = addressesOf(this.#here.socket, before).filter(isLasting);
      const moved: Moved = { before, name: device.name || name, addresses, isThere: false };
      this.#moved.push(moved);
      take(this.#here, this.#there, before, moved.name);
      moved.isThere = true;
      arrive(this.#there, moved, true);
    }
  }

  /** Makes all as it was, the last first; one that cannot go back holds up no other. @throws {NetlinkRefused} {CleanupFailed} */
  moveBack(): void {
    const failures: unknown[] = [];
    for (const moved of this.#moved.splice(0).reverse()) {
      try {
        this.#moveBack(moved);
      } catch (error) {
        failures.push(error);
      }
    }
    const [first, ...others] = failures;
    if (failures.length > 0) throw others.length === 0 ? first : new CleanupFailed(first, others);
  }

  #moveBack({ before, name, addresses, isThere }: Moved): void {
    // One whose new name was taken is on the other side with its old one.
    const hasGone = isThere || findLink(this.#here.socket, before.name) === undefined;
    const link = hasGone ? findLink(this.#there.socket, isThere ? name : before.name) : undefined;
    if (link !== undefined) take(this.#there, this.#here, link, before.name);
    arrive(this.#here, { name: before.name, addresses }, before.isUp);
  }

  [Symbol.dispose](): void {
    this.#here[Symbol.dispose]();
    this.#there[Symbol.dispose]();
  }
}

/** Takes over `socket`. */
function openSide(socket: NetlinkSocket): Side {
  const namespace = syscall("ioctl", socket.descriptor, SIOCGSKNS);
  if (namespace < 0) socket[Symbol.dispose]();
  check(namespace, "ioctl", "SIOCGSKNS");
  return {
    socket,
    namespace,
    [Symbol.dispose]: () => {
      syscall("close", namespace);
      socket[Symbol.dispose]();
    },
  };
}

/** Down first, so that nothing that uses it sees a device change its name. */
function take(from: Side, to: Side, link: Link, name: string): void {
  if (link.isUp) changeLink(from.socket, link, { isUp: false });
  changeLink(from.socket, link, { name, namespace: to.namespace });
}

function arrive(
  { socket }: Side,
  { name, addresses }: Pick<Moved, "name" | "addresses">,
  isUp: boolean,
): void {
  const link = findLink(socket, name);
  if (link === undefined) throw new NoNetDevice({ field: "linux.netDevices", name });
  for (const address of addresses) addAddress(socket, link, address);
  if (isUp) changeLink(socket, link, { isUp: true });
}

/** Somebody's setting for the whole world: the kernel makes those of the link itself, and a lease does not move along. */
function isLasting({ isPermanent, scope }: LinkAddress): boolean {
  return isPermanent && scope === 0;
}
