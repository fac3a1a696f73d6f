import { expect, test } from "bun:test";
import { type AddressWords, parseAddresses } from "./network-addresses.ts";

const NOTHING: AddressWords = { subnets: [], ranges: [], gateways: [], reserved: [], wantsIPv6: false };
const SUBNETS = ["10.9.0.0/24", "fd00:9::/64"];

test.each([
  [{}, {}],
  [{ subnets: ["10.9.0.0/24"], gateways: ["10.9.0.254"] }, { ipv4: { gateway: "10.9.0.254" } }],
  [
    { subnets: ["10.9.0.0/24"], ranges: ["10.9.0.77/25"], reserved: ["a=10.9.0.5", "b=10.9.0.6"] },
    { ipv4: { range: "10.9.0.0/25", reserved: { a: "10.9.0.5", b: "10.9.0.6" } } },
  ],
  [
    {
      ...{ subnets: SUBNETS, wantsIPv6: true, gateways: ["fd00:9::FE", "10.9.0.9"] },
      ...{ ranges: ["fd00:9::1:0:0/96"], reserved: ["six=fd00:9::5"] },
    },
    {
      ipv4: { gateway: "10.9.0.9" },
      ipv6: { gateway: "fd00:9::fe", range: "fd00:9::1:0:0/96", reserved: { six: "fd00:9::5" } },
    },
  ],
])("parseAddresses() reads %j", (words, want) =>
  expect(parseAddresses({ ...NOTHING, ...words }).plan).toEqual(want),
);

const ONE = { subnets: ["10.9.0.0/24"] };
test.each([
  [{ gateways: ["10.9.0.1"] }, "every ip-range or gateway must have a corresponding subnet"],
  [{ ...ONE, gateways: ["10.9.0.1", "10.9.0.2"] }, "every ip-range or gateway must have a corresponding"],
  [
    { subnets: SUBNETS, wantsIPv6: true, gateways: ["10.9.0.1", "10.9.0.2"] },
    "cannot configure multiple gateways (10.9.0.2, 10.9.0.1) for the same subnet",
  ],
  [
    { subnets: SUBNETS, wantsIPv6: true, ranges: ["10.9.0.0/25", "10.9.0.128/25"] },
    "cannot configure multiple ranges (10.9.0.128/25, 10.9.0.0/25) on the same subnet",
  ],
  [
    { ...ONE, gateways: ["10.8.0.1"] },
    "no matching subnet for gateway 10.8.0.1: wants an address for a device in 10.9.0.0/24",
  ],
  [{ ...ONE, gateways: ["10.9.0.255"] }, "no matching subnet for gateway 10.9.0.255"],
  [{ ...ONE, gateways: ["fd00::1"] }, "no matching subnet for gateway fd00::1"],
  [
    { ...ONE, ranges: ["10.9.0.0/16"] },
    "no matching subnet for range 10.9.0.0/16: wants a part of 10.9.0.0/24",
  ],
  [{ ...ONE, ranges: ["what"] }, "no matching subnet for range what"],
  [{ reserved: ["a=10.9.0.1"] }, "no matching subnet for aux-address 10.9.0.1"],
  [{ ...ONE, reserved: ["10.9.0.7"] }, 'Invalid aux-address "10.9.0.7": wants NAME=ADDRESS'],
  [
    { ...ONE, reserved: ["a=10.9.0.1"] },
    "failed to allocate secondary ip address (a:10.9.0.1): Address already in use",
  ],
  [{ subnets: SUBNETS }, "it is of IPv6, which takes --ipv6"],
])("parseAddresses() refuses %j: %s", (words, why) =>
  expect(() => parseAddresses({ ...NOTHING, ...words })).toThrow(why),
);
