/** A network in docker's shape, and ours beside it. Source: Docker Engine API, NetworkInspect. */
import { NIL_MAP, withQuiet } from "../base/index.ts";
import type { NetworkSummary } from "../engine/index.ts";

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
      Options: options,
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
