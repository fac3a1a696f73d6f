/**
 * `teu network create --subnet --ip-range --gateway --aux-address`: each as often as there are subnets, and which belong together they say
 * themselves. Source: docker cli, network create; its words.
 */
import {
  contains,
  encodeAddress,
  encodeSubnet,
  isHostOf,
  parseAddress,
  parseSubnet,
  type Subnet,
} from "../network/address.ts";
import type { AddressPlan, FamilyPlan } from "../network/address-plan.ts";
import {
  contains6,
  encodeAddress6,
  encodeSubnet6,
  isHostOf6,
  MAX_PREFIX_LENGTH,
  parseAddress6,
  parseSubnet6,
  type Subnet6,
} from "../network/address6.ts";
import { InvalidOption } from "./error.ts";

/** Fewer addresses than those of a /29 are no network. */
const MAX_PREFIX_LENGTH_OF_IPV4 = 29;

/** What the flags say. */
export interface AddressWords {
  readonly subnets: readonly string[];
  readonly ranges: readonly string[];
  readonly gateways: readonly string[];
  /** `NAME=ADDRESS`. */
  readonly reserved: readonly string[];
  readonly wantsIPv6: boolean;
}

/** A network's addresses, as they are asked for. */
export interface AddressWishes {
  /** Absent: one that nobody uses. */
  readonly subnet?: Subnet;
  /** Absent: IPv4 alone; "own": one that nobody uses. */
  readonly subnet6?: Subnet6 | "own";
  readonly plan: AddressPlan;
}

/** IPv4 or IPv6. */
interface Family<S, A> {
  /** What a range has to be. */
  readonly part: string;
  parseRange(text: string): S | undefined;
  encodeRange(range: S): string;
  contains(subnet: S, range: S): boolean;
  parseAddress(text: string): A | undefined;
  encodeAddress(address: A): string;
  isHostOf(subnet: S, address: A): boolean;
  /** Whose it is when none is asked for. */
  gatewayOf(subnet: S): A;
}

const IPV4: Family<Subnet, number> = {
  part: "a part of",
  ...{ encodeRange: encodeSubnet, contains, parseAddress, encodeAddress, isHostOf },
  parseRange: parseSubnet,
  gatewayOf: ({ base }) => base + 1,
};
const IPV6: Family<Subnet6, bigint> = {
  part: `a part, with a prefix of ${MAX_PREFIX_LENGTH} bits at most, of`,
  ...{ encodeRange: encodeSubnet6, contains: contains6, parseAddress: parseAddress6 },
  ...{ encodeAddress: encodeAddress6, isHostOf: isHostOf6 },
  parseRange(text) {
    const parsed = parseSubnet6(text);
    return parsed !== undefined && parsed.prefixLength <= MAX_PREFIX_LENGTH ? parsed : undefined;
  },
  gatewayOf: ({ base }) => base + 1n,
};

/** Reads the flags together. @throws {InvalidOption} */
export function parseAddresses(words: AddressWords): AddressWishes {
  const { subnets, ranges, gateways, reserved, wantsIPv6 } = words;
  const { subnet, subnet6 } = parseSubnets(subnets, wantsIPv6);
  for (const [option, texts] of [["--ip-range", ranges] as const, ["--gateway", gateways] as const])
    if (texts.length > subnets.length)
      throw new InvalidOption(
        { option, value: texts.join(" ") },
        "every ip-range or gateway must have a corresponding subnet",
      );
  const named = reserved.map(parseReserved);
  const of = (isWanted: (text: string) => boolean) => ({
    ranges: ranges.filter(isWanted),
    gateways: gateways.filter(isWanted),
    reserved: named.filter(({ address }) => isWanted(address)),
  });
  const isOfIPv6 = (text: string) => text.includes(":");
  const ipv4 = planOf(
    IPV4,
    subnet,
    of((text) => !isOfIPv6(text)),
  );
  const ipv6 = planOf(IPV6, subnet6, of(isOfIPv6));
  return {
    ...(subnet && { subnet }),
    ...(wantsIPv6 && { subnet6: subnet6 ?? ("own" as const) }),
    plan: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) },
  };
}

function parseReserved(text: string): { readonly name: string; readonly address: string } {
  const [name = "", address = ""] = text.split(/=(.*)/s);
  if (name === "" || address === "")
    throw new InvalidOption(
      { option: "--aux-address", value: text },
      `Invalid aux-address ${JSON.stringify(text)}: wants NAME=ADDRESS`,
    );
  return { name, address };
}

/** What is asked of one family's addresses; undefined: nothing. */
function planOf<S, A>(
  family: Family<S, A>,
  subnet: S | undefined,
  {
    ranges,
    gateways,
    reserved,
  }: Pick<AddressWords, "ranges" | "gateways"> & {
    readonly reserved: readonly ReturnType<typeof parseReserved>[];
  },
): FamilyPlan | undefined {
  const none = (option: string, text: string, wanted: string) => {
    const hint = subnet === undefined ? "" : `: wants ${wanted} ${family.encodeRange(subnet)}`;
    return new InvalidOption(
      { option: `--${option}`, value: text },
      `no matching subnet for ${option === "ip-range" ? "range" : option} ${text}${hint}`,
    );
  };
  const hostOf = (option: string, text: string): A => {
    const address = family.parseAddress(text);
    if (subnet === undefined || address === undefined || !family.isHostOf(subnet, address))
      throw none(option, text, "an address for a device in");
    return address;
  };
  const range = single("ranges", "on", ranges);
  const parsed = family.parseRange(range ?? "");
  if (
    range !== undefined &&
    (subnet === undefined || parsed === undefined || !family.contains(subnet, parsed))
  )
    throw none("ip-range", range, family.part);
  const gateway = single("gateways", "for", gateways);
  const router = gateway === undefined ? subnet && family.gatewayOf(subnet) : hostOf("gateway", gateway);
  const taken = new Set([router]);
  const others = reserved.map(({ name, address: text }): [string, string] => {
    const address = hostOf("aux-address", text);
    if (taken.has(address))
      throw new InvalidOption(
        { option: "--aux-address", value: text },
        `failed to allocate secondary ip address (${name}:${text}): Address already in use`,
      );
    taken.add(address);
    return [name, family.encodeAddress(address)];
  });
  if (range === undefined && gateway === undefined && others.length === 0) return undefined;
  return {
    ...(gateway !== undefined && router !== undefined && { gateway: family.encodeAddress(router) }),
    ...(parsed !== undefined && { range: family.encodeRange(parsed) }),
    ...(others.length > 0 && { reserved: Object.fromEntries(others) }),
  };
}

/** The only one. */
function single(
  what: "ranges" | "gateways",
  joint: "on" | "for",
  texts: readonly string[],
): string | undefined {
  const [first, second] = texts;
  if (first !== undefined && second !== undefined)
    throw new InvalidOption(
      { option: what === "ranges" ? "--ip-range" : "--gateway", value: second },
      `cannot configure multiple ${what} (${second}, ${first}) ${joint} the same subnet`,
    );
  return first;
}

/** One subnet of each family. */
function parseSubnets(
  texts: readonly string[],
  wantsIPv6: boolean,
): { readonly subnet?: Subnet; readonly subnet6?: Subnet6 } {
  let subnet: Subnet | undefined;
  let subnet6: Subnet6 | undefined;
  for (const text of texts) {
    const refused = (why: string) =>
      new InvalidOption(
        { option: "--subnet", value: text },
        `Invalid subnet ${JSON.stringify(text)}: ${why}`,
      );
    if (text.includes(":")) {
      const parsed = IPV6.parseRange(text);
      if (parsed === undefined)
        throw refused(`wants IPv6, as in fd00:1::/64, with a prefix of ${MAX_PREFIX_LENGTH} bits at most`);
      if (!wantsIPv6) throw refused("it is of IPv6, which takes --ipv6");
      if (subnet6 !== undefined) throw refused("the network has one of IPv6 already");
      subnet6 = parsed;
    } else {
      const parsed = parseSubnet(text);
      if (parsed === undefined || parsed.prefixLength > MAX_PREFIX_LENGTH_OF_IPV4)
        throw refused("wants IPv4, as in 10.9.0.0/24, of 8 addresses at least");
      if (subnet !== undefined) throw refused("the network has one of IPv4 already");
      subnet = parsed;
    }
  }
  return { ...(subnet && { subnet }), ...(subnet6 && { subnet6 }) };
}
