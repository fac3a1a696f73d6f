import { expect, test } from "bun:test";
import { poolOf6 } from "./address-plan.ts";
import {
  addressBytes6,
  decodeAddress6,
  encodeAddress6,
  encodeSubnet6,
  freeAddress6,
  isIn6,
  overlaps6,
  ownSubnet6,
  parseAddress6,
  parseSubnet6,
  type Subnet6,
} from "./address6.ts";

const subnet = (text: string): Subnet6 => parseSubnet6(text) ?? { base: 0n, prefixLength: 128 };

test.each([
  ["fd00::1", "fd00::1"],
  ["FD00:0:0:0:0:0:0:1", "fd00::1"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["::ffff:192.0.2.1", "::ffff:c000:201"],
])("parseAddress6() reads %s", (text, want) => {
  const address = parseAddress6(text) ?? -1n;
  expect(encodeAddress6(address)).toBe(want);
  expect(decodeAddress6(addressBytes6(address))).toBe(address);
});

test.each([
  "",
  "fd00",
  ":::",
  "1::2::3",
  "fd00::1%eth0",
  "fd00::g",
  "1:2:3:4:5:6:7:8:9",
  "192.0.2.1",
  "[::1]",
])("parseAddress6() refuses %p", (text) => expect(parseAddress6(text)).toBeUndefined());

test("parseSubnet6() leaves out the bits after the prefix", () => {
  expect(encodeSubnet6(subnet("fd00:1::5/64"))).toBe("fd00:1::/64");
  for (const text of ["fd00::/129", "fd00::", "10.0.0.0/8", "x/64"])
    expect(parseSubnet6(text)).toBeUndefined();
});

test("subnets overlap when one has an address of the other", () => {
  expect(overlaps6(subnet("fd00::/64"), subnet("fd00::1:0/112"))).toBe(true);
  expect(overlaps6(subnet("fd00::/64"), subnet("fd00:0:0:1::/64"))).toBe(false);
});

test("an address goes with that of IPv4, and past those that are taken", () => {
  const own = poolOf6(ownSubnet6("0123456789abcdef"), {});
  expect(encodeSubnet6(own)).toBe("fd01:2345:6789:abcd::/64");
  expect(encodeAddress6(freeAddress6(own, 2, new Set()))).toBe("fd01:2345:6789:abcd::2");
  expect(encodeAddress6(freeAddress6(own, 2, new Set([own.base + 2n])))).toBe("fd01:2345:6789:abcd::3");
  expect([0n, 1n, 2n].map((offset) => isIn6(own, own.base + offset))).toEqual([false, false, true]);
});

test("an address is of the range, and neither the gateway's nor reserved", () => {
  const ipv6 = { range: "fd00::1:0:0/96", gateway: "fd00::1:0:2", reserved: { printer: "fd00::1:0:3" } };
  const pool = poolOf6(subnet("fd00::/64"), { ipv6 });
  expect(encodeAddress6(freeAddress6(pool, 2, new Set()))).toBe("fd00::1:0:4");
  expect([0n, 1n].map((offset) => isIn6(pool, pool.base + offset))).toEqual([false, true]);
  expect(isIn6(pool, pool.gateway)).toBe(false);
});
