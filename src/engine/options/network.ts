/**
 * `--network NAME`, `--network name=NAME,alias=…,ip=…,mac-address=…,gw-priority=…,driver-opt=…`, as often as a container has networks; `--network-alias` and `--ip` are
 * those of the first. Source: docker run reference, --network.
 */
import { Unsupported } from "../../base/index.ts";
import { parseAddress } from "../network/address.ts";
import { encodeAddress6, parseAddress6 } from "../network/address6.ts";
import { InterfaceNameInUse } from "../network/errors.ts";
import { predefinedNetwork } from "../network/predefined.ts";
import {
  deviceAsked,
  type EndpointOptions,
  parseEndpointOptions,
  refuseEndpointOptions,
} from "./endpoint-options.ts";
import { InvalidOption } from "./error.ts";
import { fieldsOf } from "./fields.ts";
import type { ContainerLink } from "./link.ts";

/** What a container is to be in a network. */
export interface NetworkAttachment {
  /** The network's. */
  readonly name: string;
  /** Further names by which the network's containers find it. */
  readonly aliases?: readonly string[];
  /** IPv4 as text; absent: one that is free. */
  readonly address?: string;
  /** IPv6 as text; absent: the one that goes with the address. */
  readonly address6?: string;
  /** `02:42:ac:11:00:02`; absent: made of the address. */
  readonly hardwareAddress?: string;
  /** Of its device there. */
  readonly driverOptions?: EndpointOptions;
  /** The world is reached by the network with the highest one, and the first of them; absent: 0. */
  readonly priority?: number;
  /** Others that it finds there by names of its own for them. */
  readonly links?: readonly ContainerLink[];
  /** Of a CNI network, `cni:NAME`: where its file and its plugins were looked for. */
  readonly cni?: { readonly configurations: string; readonly plugins: readonly string[] };
}

/** What the flags of one container say. */
export interface NetworkWords {
  readonly networks: readonly string[];
  readonly aliases: readonly string[];
  readonly address: string | undefined;
  readonly address6?: string | undefined;
  readonly hardwareAddress?: string | undefined;
  readonly links?: readonly ContainerLink[];
}

/** Which network a container sees, and which ones of ours it is in. */
export interface NetworkChoice {
  /** `none`, `host`, `container:…`, or the name of the first of ours. */
  readonly network: string;
  readonly attachments: readonly NetworkAttachment[];
}

/** Reads the flags together. @throws {InvalidOption} */
export function parseNetworks({
  networks,
  aliases,
  address,
  address6,
  hardwareAddress,
  links = [],
}: NetworkWords): NetworkChoice {
  const parsed = networks.map(parseAttachment);
  const [first, ...others] = parsed;
  const invalid = (value: string, why: string) => new InvalidOption({ option: "--network", value }, why);
  if (first === undefined) throw invalid("", "--network names no network");
  const foreign = parsed.find(({ name }) => !isOurs(name));
  if (foreign !== undefined && others.length > 0)
    throw invalid(
      foreign.name,
      `container cannot be connected to multiple networks with one of the networks in ${foreign.name} mode`,
    );
  const twice = parsed.find(({ name }, index) => parsed.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined)
    throw invalid(twice.name, `Network ${JSON.stringify(twice.name)} is specified multiple times`);
  if (foreign !== undefined) {
    if (links.length > 0) throw invalid(foreign.name, conflictWithLinks(foreign.name));
    if (
      aliases.length > 0 ||
      address !== undefined ||
      address6 !== undefined ||
      // As docker has it, it is no mistake where there is no device to give it to. Another container's network has one.
      (hardwareAddress !== undefined && foreign.name.startsWith("container:")) ||
      foreign.aliases ||
      foreign.address ||
      foreign.address6 ||
      foreign.hardwareAddress
    )
      throw invalid(
        foreign.name,
        `conflicting options: an alias or an address with --network ${foreign.name}`,
      );
    if (foreign.driverOptions !== undefined)
      throw invalid(foreign.name, `conflicting options: driver options with --network ${foreign.name}`);
    if (hardwareAddress !== undefined) checkHardwareAddress(hardwareAddress);
    return { network: foreign.name, attachments: [] };
  }
  if (address !== undefined) checkAddress(address, "--ip");
  const whole: NetworkAttachment = {
    ...first,
    ...(aliases.length > 0 && { aliases: [...(first.aliases ?? []), ...aliases] }),
    ...(address !== undefined && { address }),
    ...(address6 !== undefined && { address6: checkAddress6(address6, "--ip6") }),
    ...(hardwareAddress !== undefined && { hardwareAddress: checkHardwareAddress(hardwareAddress) }),
    ...(links.length > 0 && { links }),
  };
  if (links.length > 0 && first.name.startsWith(CNI_PREFIX)) refuseLinks(first.name);
  const attachments = byPriority([whole, ...others]);
  checkDevices(attachments);
  return { network: attachments[0]?.name ?? first.name, attachments };
}

/** The network by which the world is reached comes first; those of equal priority stay as they are. */
export function byPriority<T extends Pick<NetworkAttachment, "priority">>(attachments: readonly T[]): T[] {
  return attachments.toSorted((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
}

/** Each has a name of its own for its device, where it has one. @throws {InterfaceNameInUse} */
export function checkDevices(attachments: readonly NetworkAttachment[]): void {
  const names = attachments.flatMap(({ driverOptions }) => deviceAsked(driverOptions) ?? []);
  const name = names.find((other, index) => names.indexOf(other) !== index);
  if (name !== undefined) throw new InterfaceNameInUse({ name });
}

/** @param network  Of the Container Network Interface. @throws {Unsupported} */
export function refuseLinks(network: string): never {
  throw new Unsupported({ what: `--link in ${network}`, why: "its plugins say who is found there" });
}

/** Docker's words. */
function conflictWithLinks(network: string): string {
  if (network === "none") return "conflicting options: links need a network";
  return `conflicting options: ${network === "host" ? "host type networking" : "container type network"} can't be used with links. This would result in undefined behavior`;
}

/** With which networks of the Container Network Interface are named among ours. */
export const CNI_PREFIX = "cni:";

/** Whether it is the name of a network of ours, and no word for something else. */
export function isOurs(network: string): boolean {
  return network !== "none" && network !== "host" && !network.startsWith("container:");
}

/** Whether it is what a container is to be in that network, which it may name by its ID. */
export function isOf(
  { name }: NetworkAttachment,
  network: { readonly id: string; readonly name: string },
): boolean {
  return name === network.name || network.id.startsWith(name);
}

function parseAttachment(text: string): NetworkAttachment {
  if (!text.includes("=")) return { name: predefinedNetwork(text) ?? text };
  const invalid = (why: string) => new InvalidOption({ option: "--network", value: text }, why);
  let name = "";
  let address: string | undefined;
  let address6: string | undefined;
  let hardwareAddress: string | undefined;
  let priority = 0;
  const aliases: string[] = [];
  const options: string[] = [];
  for (const field of fieldsOf(text, invalid)) {
    const [key = "", value = ""] = field.split(/=(.*)/s);
    if (key === "name") name = value;
    else if (key === "alias") aliases.push(value);
    else if (key === "ip") address = checkAddress(value, "--network");
    else if (key === "ip6") address6 = checkAddress6(value, "--network");
    else if (key === "mac-address") hardwareAddress = checkHardwareAddress(value);
    else if (key === "gw-priority") priority = parsePriority("--network", value);
    else if (key === "driver-opt") options.push(value);
    else if (key === "link-local-ip")
      throw new Unsupported({
        what: `--network with ${key}`,
        why: "a device has one address of each kind: see ip and ip6",
      });
    else throw invalid(`invalid field key ${key}`);
  }
  if (name === "") throw invalid("network name or ID is empty");
  if (options.length > 0 && name.startsWith(CNI_PREFIX)) refuseEndpointOptions(name);
  return {
    name,
    ...(aliases.length > 0 && { aliases }),
    ...(address !== undefined && { address }),
    ...(address6 !== undefined && { address6 }),
    ...(hardwareAddress !== undefined && { hardwareAddress }),
    ...(options.length > 0 && { driverOptions: parseEndpointOptions("--network", options) }),
    ...(priority !== 0 && { priority }),
  };
}

/** @throws {InvalidOption} */
export function parsePriority(option: string, text: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidOption({ option, value: text }, `invalid gw-priority: ${text}`);
}

/** One that a device may have: of one device, not of a group. @throws {InvalidOption} */
export function checkHardwareAddress(text: string): string {
  const isOne = (Number.parseInt(text.slice(0, 2), 16) & 1) === 0 && !/^(00[:-]){5}00$/.test(text);
  if (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) && isOne)
    return text.toLowerCase().replaceAll("-", ":");
  throw new InvalidOption({ option: "--mac-address", value: text }, `${text} is not a valid mac address`);
}

/** @throws {InvalidOption} */
export function checkAddress(text: string, option: string): string {
  if (parseAddress(text) !== undefined) return text;
  throw new InvalidOption({ option, value: text }, `invalid IPv4 address: ${text}`);
}

/** @returns the address as it is usually written @throws {InvalidOption} */
export function checkAddress6(text: string, option: string): string {
  const address = text.includes(":") ? parseAddress6(text) : undefined;
  if (address !== undefined) return encodeAddress6(address);
  throw new InvalidOption({ option, value: text }, `invalid IPv6 address: ${text}`);
}
