/** A network in docker's shape, and ours beside it. Source: Docker Engine API, NetworkInspect. */
import { NIL_MAP, withQuiet } from "../base/index.ts";
import { DEFAULT_NETWORK, type NetworkSummary } from "../engine/index.ts";

const BRIDGE = "com.docker.network.bridge.name";
/** How the network is that nobody makes, in docker's words. */
const OF_DEFAULT = {
  "com.docker.network.bridge.default_bridge": "true",
  "com.docker.network.bridge.enable_icc": "true",
  "com.docker.network.bridge.enable_ip_masquerade": "true",
  "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
  "com.docker.network.driver.mtu": "1500",
};

export function networkShape(network: NetworkSummary): object {
  const {
    id,
    name,
    driver,
    subnet,
    subnet6,
    gateway,
    gateway6,
    labels = {},
    isInternal,
    createdAt,
    containers,
    options,
    plan: { ipv4, ipv6 } = {},
  } = network;
  const length = subnet.slice(subnet.indexOf("/"));
  // Go takes a key for another one that differs in its case alone: programs that read docker's map must not find our list.
  const { containers: _, ...own } = network;
  const shape = {
    ...own,
    ...{ Name: name, Id: id, Created: new Date(createdAt).toISOString(), Scope: "local", Driver: driver },
    IPAM: {
      Driver: "default",
      Options: driver === "host" || driver === "null" ? NIL_MAP : {},
      Config:
        subnet === ""
          ? []
          : [
              { Subnet: subnet, ...planShape(ipv4), Gateway: gateway },
              ...(subnet6 === undefined ? [] : [{ Subnet: subnet6, ...planShape(ipv6), Gateway: gateway6 }]),
            ],
    },
    ...{
      Internal: isInternal,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: "" },
      ConfigOnly: false,
      EnableIPv6: subnet6 !== undefined,
      Options: name === DEFAULT_NETWORK ? { ...OF_DEFAULT, [BRIDGE]: network.bridge ?? "" } : options,
      Labels: labels,
    },
    Containers: Object.fromEntries(
      containers.map((container) => [
        container.id,
        {
          Name: container.name,
          MacAddress: container.hardwareAddress ?? "",
          IPv4Address: container.address === "" ? "" : `${container.address}${length}`,
          IPv6Address:
            container.address6 === undefined ? "" : `${container.address6}/${subnet6?.split("/")[1]}`,
        },
      ]),
    ),
  };
  return withQuiet(shape, { containers });
}

function planShape({ range, reserved }: NonNullable<NetworkSummary["plan"]>["ipv4"] & object = {}): object {
  return {
    ...(range !== undefined && { IPRange: range }),
    ...(reserved !== undefined && { AuxiliaryAddresses: reserved }),
  };
}
