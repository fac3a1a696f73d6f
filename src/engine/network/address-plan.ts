/** Which addresses of a network are for whom, as it is asked for and recorded. */
import { type Pool, parseAddress, parseSubnet, type Subnet } from "./address.ts";
import { type Pool6, parseAddress6, parseSubnet6, type Subnet6 } from "./address6.ts";

/** Of one family, as text that has been checked. Source: Docker Engine API, IPAMConfig. */
export interface FamilyPlan {
  /** Absent: the subnet's first. */
  readonly gateway?: string;
  /** A part of the subnet, from which addresses are given; absent: all of it. */
  readonly range?: string;
  /** By their names: addresses of others. */
  readonly reserved?: Readonly<Record<string, string>>;
}

export interface AddressPlan {
  readonly ipv4?: FamilyPlan;
  readonly ipv6?: FamilyPlan;
}

export function poolOf(subnet: Subnet, { ipv4: { gateway, range, reserved = {} } = {} }: AddressPlan): Pool {
  return {
    ...subnet,
    gateway: parseAddress(gateway ?? "") ?? subnet.base + 1,
    range: parseSubnet(range ?? "") ?? subnet,
    reserved: new Set(Object.values(reserved).flatMap((text) => parseAddress(text) ?? [])),
  };
}

export function poolOf6(
  subnet: Subnet6,
  { ipv6: { gateway, range, reserved = {} } = {} }: AddressPlan,
): Pool6 {
  return {
    ...subnet,
    gateway: parseAddress6(gateway ?? "") ?? subnet.base + 1n,
    range: parseSubnet6(range ?? "") ?? subnet,
    reserved: new Set(Object.values(reserved).flatMap((text) => parseAddress6(text) ?? [])),
  };
}
