/** The bridge of a network of the driver `bridge`: its device. */
import { bridgeSettings } from "../options/bridge-options.ts";
import type { NetworkRecord } from "../store/networks.ts";
import { type Bridge, markOf } from "./devices.ts";

/** A device's name has 15 bytes at most. */
export function bridgeOf({ id, options }: Pick<NetworkRecord, "id" | "options">): Bridge {
  const { name, mtu } = bridgeSettings(options);
  return { name: name ?? `teu-${id.slice(0, 10)}`, isNamed: name !== undefined, mark: markOf(id), mtu };
}
