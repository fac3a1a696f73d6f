/** Where a container is in networks, in the shape of docker's NetworkSettings. Source: Docker Engine API, ContainerInspect. */
import { NIL_LIST, NIL_MAP } from "../../base/index.ts";
import { encodeAddress, encodeHardwareAddress } from "../network/address.ts";
import { networkIDOf } from "../network/cni/list.ts";
import { readResult } from "../network/cni/result.ts";
import { endpointsOf } from "../network/find.ts";
import { addressIn6 } from "../network/list.ts";
import { DEFAULT_NETWORK, PREDEFINED_NETWORKS } from "../network/predefined.ts";
import { shortID } from "../options/name.ts";
import type { NetworkAttachment } from "../options/network.ts";
import { listCNIAttachments } from "../store/cni.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { type EndpointRecord, listNetworks, listPorts, type NetworkRecord } from "../store/networks.ts";
import type { Store } from "../store/store.ts";

/** Docker's keys that have no meaning here. */
const NOT_HERE = {
  Bridge: "",
  SandboxID: "",
  HairpinMode: false,
  LinkLocalIPv6Address: "",
  LinkLocalIPv6PrefixLen: 0,
  SecondaryIPAddresses: NIL_LIST,
  SecondaryIPv6Addresses: NIL_LIST,
  EndpointID: "",
};

/** A place in a network; while the container does not run there are no addresses. */
interface Place {
  readonly name: string;
  readonly id: string;
  readonly gateway: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly hardwareAddress: string;
  readonly in6: ReturnType<typeof addressIn6>;
  readonly asked: NetworkAttachment | undefined;
}

/**
 * Docker's keys.
 * @param mode  HostConfig.NetworkMode.
 * @param pid  Of its first process; 0: it does not run.
 */
export function networkSettingsOf(
  store: Store,
  container: ContainerRecord,
  mode: string,
  pid: number,
): object {
  const { id, settings } = container;
  const endpoints = endpointsOf(store, id);
  const networks = listNetworks(store.database, store.namespace);
  const places = (settings.networks ?? [])
    .filter(({ name }) => !name.startsWith("cni:"))
    .map((asked): Place => {
      const network = networks.find(({ name }) => name === asked.name);
      return placeIn(
        network,
        endpoints.find((endpoint) => endpoint.network === network?.id),
        asked,
      );
    });
  if (mode === "host" || mode === "none")
    places.push({ ...nowhere(mode), id: pid === 0 ? "" : PREDEFINED_NETWORKS[mode].id });
  for (const attachment of listCNIAttachments(store.database, id)) {
    const { addresses, gateway } = readResult(attachment);
    const [address = "", prefix = "0"] = (addresses[0] ?? "").split("/");
    const name = `cni:${attachment.network}`;
    places.push({
      ...nowhere(name),
      ...{ id: networkIDOf(name), gateway, address, prefixLength: Number(prefix) },
      asked: settings.networks?.find((other) => other.name === name),
    });
  }
  const first = places.find(({ address }) => address !== "") ?? nowhere("");
  return {
    ...NOT_HERE,
    SandboxKey: pid === 0 ? "" : `/proc/${pid}/ns/net`,
    Ports: portsOf(store, id, settings.exposed ?? []),
    ...addressesOf(first),
    Networks: Object.fromEntries(places.map((place) => [place.name, shapeOf(place, container)])),
  };
}

function nowhere(name: string): Place {
  return {
    ...{ name, id: "", gateway: "", address: "", prefixLength: 0, hardwareAddress: "" },
    in6: addressIn6(undefined, undefined),
    asked: undefined,
  };
}

function placeIn(
  network: NetworkRecord | undefined,
  endpoint: EndpointRecord | undefined,
  asked: NetworkAttachment,
): Place {
  const place = { ...nowhere(asked.name), id: network?.id ?? "", asked };
  if (network === undefined || endpoint === undefined) return place;
  const address = encodeAddress(endpoint.address);
  // On a bridge it is made of the address; what the kernel chose elsewhere is known to the container alone.
  const made = network.driver === "bridge" ? encodeHardwareAddress(endpoint.address) : "";
  return {
    ...place,
    gateway: encodeAddress(network.subnet.gateway),
    address,
    prefixLength: network.subnet.prefixLength,
    hardwareAddress: asked.hardwareAddress ?? made,
    in6: addressIn6(network, endpoint),
  };
}

function addressesOf({ gateway, address, prefixLength, hardwareAddress, in6 }: Place): object {
  return {
    Gateway: gateway,
    IPAddress: address,
    IPPrefixLen: prefixLength,
    ...in6,
    MacAddress: hardwareAddress,
  };
}

function shapeOf(place: Place, { id, name, settings }: ContainerRecord): object {
  const { address, address6, links, aliases = [] } = place.asked ?? {};
  const isDefault = place.name === DEFAULT_NETWORK; // HostConfig has them
  const isNamed = place.asked !== undefined && !isDefault; // there the name server knows it
  const names = [
    name,
    ...aliases,
    shortID(id),
    ...(settings.hostname === undefined ? [] : [settings.hostname]),
  ];
  const isAsked = address !== undefined || address6 !== undefined;
  return {
    IPAMConfig: isAsked
      ? { ...(address && { IPv4Address: address }), ...(address6 && { IPv6Address: address6 }) }
      : null,
    Links: isDefault ? NIL_LIST : (links?.map(({ target, alias }) => `${target}:${alias}`) ?? NIL_LIST),
    Aliases: aliases.length > 0 ? aliases : NIL_LIST,
    NetworkID: place.id,
    EndpointID: "",
    ...addressesOf(place),
    DriverOpts: place.asked?.driverOptions ?? NIL_MAP,
    GwPriority: place.asked?.priority ?? 0,
    DNSNames: isNamed ? [...new Set(names)] : NIL_LIST,
  };
}

/** Those that lead to it, and null for what is served and leads nowhere. */
function portsOf(
  store: Store,
  id: string,
  exposed: NonNullable<ContainerRecord["settings"]["exposed"]>,
): object {
  const ports = new Map<string, readonly { HostIp: string; HostPort: string }[]>(
    exposed.map(({ containerPort, protocol }) => [`${containerPort}/${protocol}`, NIL_LIST]),
  );
  for (const { container, containerPort, protocol, hostAddress, hostPort } of listPorts(store.database)) {
    if (container !== id) continue;
    const key = `${containerPort}/${protocol}`;
    const binding = { HostIp: hostAddress || "0.0.0.0", HostPort: `${hostPort}` };
    ports.set(key, [...(ports.get(key) ?? []), binding]);
  }
  return Object.fromEntries(ports);
}
