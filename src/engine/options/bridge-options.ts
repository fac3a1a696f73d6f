/** Options of the driver `bridge`, in docker's words, and podman's `mtu`. Source: docker network create reference, bridge driver options. */
import { parseAddress } from "../network/address.ts";

const NAME = "com.docker.network.bridge.name";
const MTU = "com.docker.network.driver.mtu";
const ICC = "com.docker.network.bridge.enable_icc";
const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
const HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4";

/** As strconv.ParseBool has them, with which docker reads them. */
const TRUE: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];
/** What IPv4 asks of a wire, and what a length is in its header. Source: RFC 791. */
const MIN_MTU = 68;
const MAX_MTU = 65_535;
/** Words that are no device's where the kernel keeps parameters by device. */
const NO_DEVICES: readonly string[] = ["all", "default", "lo", ".", ".."];

/** What a bridge network is told by its options. */
export interface BridgeSettings {
  /** Of its device; absent: made of the network's ID. */
  readonly name?: string;
  readonly mtu?: number;
  /** Whether its containers reach each other only by published ports. */
  readonly isIsolated: boolean;
  /** Whether containers reach the world as this machine. */
  readonly isMasqueraded: boolean;
  /** Where ports are published that name no address; absent: everywhere. */
  readonly hostAddress?: string;
}

const CHECKS: Readonly<Record<string, { readonly wants: string; is(value: string): boolean }>> = {
  [NAME]: {
    wants: "wants the name of a network device, of 15 letters, digits, dots, - and _ at most",
    is: (value) => /^\w[\w.-]{0,14}$/.test(value) && !NO_DEVICES.includes(value),
  },
  [MTU]: { wants: `wants a number from ${MIN_MTU} to ${MAX_MTU}`, is: isMTU },
  mtu: { wants: `wants a number from ${MIN_MTU} to ${MAX_MTU}`, is: isMTU },
  [ICC]: { wants: "wants true or false", is: isBoolean },
  [MASQUERADE]: { wants: "wants true or false", is: isBoolean },
  [HOST_BINDING]: {
    wants: "wants an address of IPv4",
    is: (value) => parseAddress(value) !== undefined,
  },
};

/** What is wrong with an option of a bridge network; undefined: nothing. */
export function faultOfBridgeOption(name: string, value: string): string | undefined {
  if (!Object.hasOwn(CHECKS, name)) return `wants one of ${Object.keys(CHECKS).join(", ")}`;
  return CHECKS[name]?.is(value) ? undefined : CHECKS[name]?.wants;
}

/** Reads options that have been checked. */
export function bridgeSettings(options: Readonly<Record<string, string>>): BridgeSettings {
  const { [NAME]: name, [HOST_BINDING]: hostAddress } = options;
  const mtu = options[MTU] ?? options["mtu"];
  return {
    ...(name !== undefined && { name }),
    ...(mtu !== undefined && { mtu: Number(mtu) }),
    isIsolated: FALSE.includes(options[ICC] ?? "true"),
    isMasqueraded: !FALSE.includes(options[MASQUERADE] ?? "true"),
    ...(hostAddress !== undefined && { hostAddress }),
  };
}

function isMTU(value: string): boolean {
  return /^\d{2,5}$/.test(value) && Number(value) >= MIN_MTU && Number(value) <= MAX_MTU;
}

function isBoolean(value: string): boolean {
  return TRUE.includes(value) || FALSE.includes(value);
}
