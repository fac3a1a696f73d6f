/** What goes wrong with networks, in docker's words where it has them. */
import { TeuError } from "../../base/index.ts";

/** No network goes by this text. Docker's words. */
export class NoSuchNetwork extends TeuError<"no-such-network", { text: string }> {
  constructor(context: { text: string }) {
    super("no-such-network", "not-found", context, `network ${context.text} not found`);
  }
}

/** There is no subnet, or no address in it, left. */
export class NoAddressLeft extends TeuError<"no-address-left", { network: string }> {
  constructor(context: { network: string }) {
    super(
      "no-address-left",
      "exhausted",
      context,
      `Cannot give network ${JSON.stringify(context.network)} an address: none is left`,
    );
  }
}

/** A subnet that somebody uses: a network of ours, or a device of this machine. */
export class SubnetInUse extends TeuError<"subnet-in-use", { subnet: string }> {
  constructor(context: { subnet: string }) {
    super(
      "subnet-in-use",
      "already-exists",
      context,
      `Cannot use subnet ${context.subnet}: it overlaps with another one on this machine`,
    );
  }
}

/** An address that the container cannot have. */
export class AddressRefused extends TeuError<
  "address-refused",
  { address: string; network: string; why: string }
> {
  constructor(context: { address: string; network: string; why: string }) {
    const { address, network, why } = context;
    super(
      "address-refused",
      "invalid",
      context,
      `Cannot give address ${address} of network ${network}: ${why}`,
    );
  }
}

/** The device that is to be a network's bridge is something else. Docker's words. */
export class NoBridge extends TeuError<"no-bridge", { device: string }> {
  constructor(context: { device: string }) {
    super(
      "no-bridge",
      "failed-precondition",
      context,
      `existing interface ${context.device} is not a bridge`,
    );
  }
}

/** Two networks would have one device. Docker's words. */
export class BridgeInUse extends TeuError<
  "bridge-in-use",
  { network: string; other: string; bridge: string }
> {
  constructor(context: { network: string; other: string; bridge: string }) {
    const { network, other, bridge } = context;
    super(
      "bridge-in-use",
      "already-exists",
      context,
      `cannot create network ${network} (${bridge}): conflicts with network ${other} (${bridge}): networks have same bridge name`,
    );
  }
}

/** IPv6 asks more of a wire. */
export class MTUTooSmall extends TeuError<"mtu-too-small", { network: string; mtu: number; least: number }> {
  constructor(context: { network: string; mtu: number; least: number }) {
    const { network, mtu, least } = context;
    super(
      "mtu-too-small",
      "invalid",
      context,
      `Cannot make network ${JSON.stringify(network)} with IPv6: an MTU of ${mtu} is too small, ${least} is the least`,
    );
  }
}

/** Two devices of a container would have one name. */
export class InterfaceNameInUse extends TeuError<"interface-name-in-use", { name: string }> {
  constructor(context: { name: string }) {
    super(
      "interface-name-in-use",
      "already-exists",
      context,
      `Cannot name a network interface of the container ${JSON.stringify(context.name)}: it has another of that name`,
    );
  }
}

/** A parameter of a container's device that the kernel has not, or does not take. */
export class ParameterRefused extends TeuError<
  "parameter-refused",
  { parameter: string; value: string; why: string }
> {
  constructor(context: { parameter: string; value: string; why: string }) {
    const { parameter, value, why } = context;
    super(
      "parameter-refused",
      "invalid",
      context,
      `Cannot set ${parameter.replaceAll("/", ".")} of the container's network interface to ${JSON.stringify(value)}: ${why}`,
    );
  }
}

/** Containers are connected to it. Docker's words. */
export class NetworkInUse extends TeuError<"network-in-use", { name: string }> {
  constructor(context: { name: string }, why = "has active endpoints") {
    super(
      "network-in-use",
      "failed-precondition",
      context,
      `error while removing network: network ${context.name} ${why}`,
    );
  }
}

/** It is there whatever anybody does. Docker's words. */
export class NetworkPredefined extends TeuError<"network-predefined", { name: string }> {
  constructor(context: { name: string }, hint?: string) {
    super(
      "network-predefined",
      "permission-denied",
      context,
      `${context.name} is a pre-defined network and cannot be removed`,
      hint === undefined ? {} : { hint },
    );
  }
}

/** Another network is on that device. Docker's words. */
export class ParentInUse extends TeuError<"parent-in-use", { network: string; parent: string }> {
  constructor(context: { network: string; parent: string }) {
    super(
      "parent-in-use",
      "already-exists",
      context,
      `network ${context.network} is already using parent interface ${context.parent}`,
    );
  }
}

/** The kernel of this machine has no IPv6. */
export class NoIPv6 extends TeuError<"no-ipv6"> {
  constructor() {
    super(
      "no-ipv6",
      "failed-precondition",
      {},
      "Cannot make a network with IPv6: it is turned off on this machine",
      { hint: "Take ipv6.disable=1 off the kernel's command line" },
    );
  }
}

/** A port of an address that cannot lead to the container. */
export class PortNeedsIPv6 extends TeuError<"port-needs-ipv6", { address: string; port: number }> {
  constructor(context: { address: string; port: number }) {
    super(
      "port-needs-ipv6",
      "invalid",
      context,
      `Cannot publish a port on [${context.address}]: no network of the container has IPv6 and a way out`,
      { hint: "Connect it to one that 'teu network create --ipv6' made" },
    );
  }
}

/** A port of the host that is taken. Docker's words. */
export class PortInUse extends TeuError<"port-in-use", { address: string; port: number }> {
  constructor(context: { address: string; port: number }) {
    super(
      "port-in-use",
      "already-exists",
      context,
      `Bind for ${context.address.includes(":") ? `[${context.address}]` : context.address}:${context.port} failed: port is already allocated`,
    );
  }
}
