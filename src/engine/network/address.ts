/** IPv4 addresses and subnets as numbers. Source: RFC 791, RFC 4632. */

/** A network's addresses: those whose first `prefixLength` bits are those of `base`. */
export interface Subnet {
  readonly base: number;
  readonly prefixLength: number;
}

/** A network's subnet, and which of its addresses are for whom. */
export interface Pool extends Subnet {
  /** This machine's, or that of a router on the wire. */
  readonly gateway: number;
  /** Those that containers get which ask for none. */
  readonly range: Subnet;
  /** Others' that teu knows nothing of: no container gets one. */
  readonly reserved: ReadonlySet<number>;
}

/** `172.17.0.1` as a number, or undefined for what is no address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function encodeAddress(address: number): string {
  return addressBytes(address).join(".");
}

/** In network byte order. */
export function addressBytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

/** `172.17.0.0/16`; bits after the prefix are left out. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = "", prefix = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const number = parseAddress(address);
  const prefixLength = Number(prefix);
  if (number === undefined || prefix === "" || prefixLength > 32) return undefined;
  return { base: number - (number % sizeOf({ prefixLength })), prefixLength };
}

export function encodeSubnet({ base, prefixLength }: Subnet): string {
  return `${encodeAddress(base)}/${prefixLength}`;
}

/** The hardware address of a device on a bridge that asks for none, as docker makes it. */
export function encodeHardwareAddress(address: number): string {
  return `02:42:${Array.from(addressBytes(address), (byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

/** How many addresses there are. */
export function sizeOf({ prefixLength }: Pick<Subnet, "prefixLength">): number {
  return 2 ** (32 - prefixLength);
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a);
}

/** Whether a container may have the address: it is the subnet's, and neither the network's own, the gateway's nor the broadcast address. */
export function isIn(pool: Pool, address: number): boolean {
  return isHostOf(pool, address) && address !== pool.gateway;
}

/** Whether a device may have the address: it is the subnet's, and neither the network's own nor the broadcast address. */
export function isHostOf(subnet: Subnet, address: number): boolean {
  return address > subnet.base && address < subnet.base + sizeOf(subnet) - 1;
}

/** Whether all of `inner`'s addresses are `subnet`'s. */
export function contains(subnet: Subnet, inner: Subnet): boolean {
  return inner.prefixLength >= subnet.prefixLength && overlaps(subnet, inner);
}

/**
 * The next address of the range after `last` that is not `used`, from the beginning again at the end; undefined when it is full. One that was
 * given back is not given away at once: the kernel may still answer for it.
 */
export function freeAddress(pool: Pool, used: ReadonlySet<number>, last = 0): number | undefined {
  const { base, prefixLength } = pool.range;
  const count = sizeOf({ prefixLength });
  const from = last >= base && last < base + count ? last + 1 - base : 0;
  for (let step = 0; step < count; step++) {
    const address = base + ((from + step) % count);
    if (isIn(pool, address) && !pool.reserved.has(address) && !used.has(address)) return address;
  }
  return undefined;
}

/** Docker's pools: sixteen bits each of 172.17 to 172.31, then twenty of 192.168. */
export const DEFAULT_POOLS: readonly Subnet[] = [
  ...Array.from({ length: 15 }, (_, index) => ({ base: 0xac11_0000 + index * 0x1_0000, prefixLength: 16 })),
  ...Array.from({ length: 16 }, (_, index) => ({ base: 0xc0a8_0000 + index * 0x1000, prefixLength: 20 })),
];

/** The first of the pools that nobody uses. */
export function freeSubnet(used: readonly Subnet[]): Subnet | undefined {
  return DEFAULT_POOLS.find((pool) => !used.some((other) => overlaps(pool, other)));
}
