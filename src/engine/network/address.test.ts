import { expect, test } from "bun:test";
import {
  DEFAULT_POOLS,
  encodeAddress,
  encodeSubnet,
  freeAddress,
  freeSubnet,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
} from "./address.ts";

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === undefined) throw new Error(`no subnet: ${text}`);
  return parsed;
};
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

test("freeAddress() leaves out the network's, the gateway's and the broadcast address", () => {
  const small = subnet("10.0.0.0/29");
  const used = new Set<number>();
  const given: string[] = [];
  for (let free = freeAddress(small, used); free !== undefined; free = freeAddress(small, used)) {
    used.add(free);
    given.push(encodeAddress(free));
  }
  expect(given).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
});

test("freeAddress() goes on from the last one, and begins again at the end", () => {
  const small = subnet("10.0.0.0/29");
  expect(encodeAddress(freeAddress(small, new Set(), address("10.0.0.3")) ?? 0)).toBe("10.0.0.4");
  expect(encodeAddress(freeAddress(small, new Set(), address("10.0.0.6")) ?? 0)).toBe("10.0.0.2");
  expect(encodeAddress(freeAddress(small, new Set([address("10.0.0.2")]), address("10.0.0.6")) ?? 0)).toBe(
    "10.0.0.3",
  );
});

test("freeSubnet() takes the first of docker's pools that overlaps with nothing", () => {
  expect(encodeSubnet(freeSubnet([]) ?? subnet("0.0.0.0/0"))).toBe("172.17.0.0/16");
  expect(
    encodeSubnet(freeSubnet([subnet("172.17.3.0/24"), subnet("172.18.0.0/15")]) ?? subnet("0.0.0.0/0")),
  ).toBe("172.20.0.0/16");
  expect(freeSubnet(DEFAULT_POOLS)).toBeUndefined();
});
