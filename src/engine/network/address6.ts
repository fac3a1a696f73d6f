/** IPv6 addresses and subnets as numbers. Source: RFC 4291; RFC 5952 for their text; RFC 4193 for addresses of one's own. */

/** A network's addresses: those whose first `prefixLength` bits are those of `base`. */
export interface Subnet6 {
  readonly base: bigint;
  readonly prefixLength: number;
}

/** A network's subnet, and which of its addresses are for whom, as in IPv4. */
export interface Pool6 extends Subnet6 {
  readonly gateway: bigint;
  readonly range: Subnet6;
  readonly reserved: ReadonlySet<bigint>;
}

/** This machine's own. */
export const LOOPBACK6 = "::1";

/** An address for each of a container's IPv4 addresses, whatever that subnet's size. */
export const MAX_PREFIX_LENGTH = 96;
const BITS = 128;
const ULA_PREFIX_LENGTH = 64;

/** `fd00::1` as a number, or undefined for what is no address. */
export function parseAddress6(text: string): bigint | undefined {
  const url = /^[\da-f:.]+$/i.test(text) ? URL.parse(`http://[${text}]/`) : null;
  if (url === null) return undefined;
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce(
    (sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)),
    0n,
  );
}

export function encodeAddress6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** In network byte order. */
export function addressBytes6(address: bigint): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => Number((address >> BigInt(120 - 8 * index)) & 0xffn));
}

/** The number of 16 bytes in network byte order. */
export function decodeAddress6(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** `fd00:1::/64`; bits after the prefix are left out. */
export function parseSubnet6(text: string): Subnet6 | undefined {
  const [, address = "", prefix = ""] = /^([\da-f:.]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const number = address.includes(":") ? parseAddress6(address) : undefined;
  const prefixLength = Number(prefix);
  if (number === undefined || prefixLength > BITS) return undefined;
  return { base: number - (number % sizeOf6({ prefixLength })), prefixLength };
}

export function encodeSubnet6({ base, prefixLength }: Subnet6): string {
  return `${encodeAddress6(base)}/${prefixLength}`;
}

function sizeOf6({ prefixLength }: Pick<Subnet6, "prefixLength">): bigint {
  return 1n << BigInt(BITS - prefixLength);
}

export function overlaps6(a: Subnet6, b: Subnet6): boolean {
  return a.base < b.base + sizeOf6(b) && b.base < a.base + sizeOf6(a);
}

/** Whether a container may have the address. */
export function isIn6(pool: Pool6, address: bigint): boolean {
  return isHostOf6(pool, address) && address !== pool.gateway;
}

/** Whether a device may have the address; the first is that of whatever router there is. */
export function isHostOf6(subnet: Subnet6, address: bigint): boolean {
  return address > subnet.base && address < subnet.base + sizeOf6(subnet);
}

/** Whether all of `inner`'s addresses are `subnet`'s. */
export function contains6(subnet: Subnet6, inner: Subnet6): boolean {
  return inner.prefixLength >= subnet.prefixLength && overlaps6(subnet, inner);
}

/** The address that stands where `offset` stands in the IPv4 subnet, or the first after it that nobody has. */
export function freeAddress6(
  { range, gateway, reserved }: Pool6,
  offset: number,
  used: ReadonlySet<bigint>,
): bigint {
  let address = range.base + BigInt(offset);
  while (address === gateway || reserved.has(address) || used.has(address)) address++;
  return address;
}

/** A subnet of this machine's own, by the random ID of its network, in hexadecimal: 56 bits that nobody else has. */
export function ownSubnet6(id: string): Subnet6 {
  return { base: BigInt(`0xfd${id.slice(0, 14)}`) << 64n, prefixLength: ULA_PREFIX_LENGTH };
}
