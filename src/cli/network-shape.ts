/** A network in docker's shape, and ours beside it. Source: Docker Engine API, NetworkInspect. */
import type { NetworkSummary } from "../engine/index.ts";

export function networkShape(network: NetworkSummary): object {
  const { id, name, driver, subnet, gateway, isInternal, createdAt, containers, options } = network;
  const length = subnet.slice(subnet.indexOf("/"));
  return {
    ...network,
    ...{ Name: name, Id: id, Created: new Date(createdAt).toISOString(), Scope: "local", Driver: driver },
    IPAM: {
      Driver: "default",
      Options: {},
      Config: subnet === "" ? [] : [{ Subnet: subnet, Gateway: gateway }],
    },
    ...{
      Internal: isInternal,
      Attachable: false,
      Ingress: false,
      EnableIPv6: false,
      Options: options,
      Labels: {},
    },
    Containers: Object.fromEntries(
      containers.map((container) => [container.id, { IPv4Address: `${container.address}${length}` }]),
    ),
  };
}
