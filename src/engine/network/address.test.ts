import { expect, test } from "bun:test";
import {
  DEFAULT_POOLS,
  encodeAddress,
  encodeSubnet,
  freeAddress,
  freeSubnet,
  overlaps,
  type Pool,
  parseAddress,
  parseSubnet,
  type Subnet,
} from "./address.ts";
import { type FamilyPlan, poolOf } from "./address-plan.ts";

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === undefined) throw new Error(`no subnet: ${text}`);
  return parsed;
};
const pool = (text: string, ipv4: FamilyPlan = {}): Pool => poolOf(subnet(text), { ipv4 });
const address = (text: string): number => parseAddress(text) ?? -1;

test.each(["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.x", "1..2.3"])(
  "parseAddress() refuses %p",
  (text) => expect(parseAddress(text)).toBeUndefined(),
);

test.each(["0.0.0.0", "172.17.0.1", "255.255.255.255"])(
  "parseAddress() and encodeAddress() agree on %s",
  (text) => expect(encodeAddress(address(text))).toBe(text),
);

const subnets = [
  { text: "10.9.8.7/24", want: "10.9.8.0/24" },
  { text: "172.17.0.0/16", want: "172.17.0.0/16" },
  { text: "255.255.255.255/1", want: "128.0.0.0/1" },
  { text: "1.2.3.4/33", want: undefined },
  { text: "1.2.3.4", want: undefined },
];
test.each(subnets)("parseSubnet($text) is $want", ({ text, want }) => {
  const parsed = parseSubnet(text);
  expect(parsed && encodeSubnet(parsed)).toBe(want as string);
});

const pairs = [
  { a: "10.0.0.0/8", b: "10.255.0.0/16", want: true },
  { a: "10.0.0.0/16", b: "10.1.0.0/16", want: false },
  { a: "0.0.0.0/0", b: "192.168.0.0/24", want: true },
];
test.each(pairs)("overlaps($a, $b) is $want either way", ({ a, b, want }) => {
  expect([overlaps(subnet(a), subnet(b)), overlaps(subnet(b), subnet(a))]).toEqual([want, want]);
});

test.each([
  { says: "the network's, the gateway's and the broadcast address", plan: {}, want: [2, 3, 4, 5, 6] },
  { says: "a gateway of one's own", plan: { gateway: "10.0.0.6" }, want: [1, 2, 3, 4, 5] },
  { says: "what is outside of the range", plan: { range: "10.0.0.4/30" }, want: [4, 5, 6] },
  { says: "what others have", plan: { reserved: { a: "10.0.0.3", b: "10.0.0.5" } }, want: [2, 4, 6] },
])("freeAddress() leaves out $says", ({ plan, want }) => {
  const small = pool("10.0.0.0/29", plan);
  const used = new Set<number>();
  const given: number[] = [];
  for (let free = freeAddress(small, used); free !== undefined; free = freeAddress(small, used)) {
    used.add(free);
    given.push(free - small.base);
  }
  expect(given).toEqual([...want]);
});

test("freeAddress() goes on from the last one, and begins again at the end", () => {
  const small = pool("10.0.0.0/29");
  expect(encodeAddress(freeAddress(small, new Set(), address("10.0.0.3")) ?? 0)).toBe("10.0.0.4");
  expect(encodeAddress(freeAddress(small, new Set(), address("10.0.0.6")) ?? 0)).toBe("10.0.0.2");
  expect(encodeAddress(freeAddress(small, new Set([address("10.0.0.2")]), address("10.0.0.6")) ?? 0)).toBe(
    "10.0.0.3",
  );
});

test("freeAddress() begins in the range after an address that was asked for outside of it", () => {
  const part = pool("10.0.0.0/24", { range: "10.0.0.128/25" });
  expect(encodeAddress(freeAddress(part, new Set(), address("10.0.0.9")) ?? 0)).toBe("10.0.0.128");
  expect(encodeAddress(freeAddress(part, new Set(), address("10.0.0.254")) ?? 0)).toBe("10.0.0.128");
});

test("freeSubnet() takes the first of docker's pools that overlaps with nothing", () => {
  expect(encodeSubnet(freeSubnet([]) ?? subnet("0.0.0.0/0"))).toBe("172.17.0.0/16");
  expect(
    encodeSubnet(freeSubnet([subnet("172.17.3.0/24"), subnet("172.18.0.0/15")]) ?? subnet("0.0.0.0/0")),
  ).toBe("172.20.0.0/16");
  expect(freeSubnet(DEFAULT_POOLS)).toBeUndefined();
});
