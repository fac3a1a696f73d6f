import { expect, test } from "bun:test";
import { type NetworkChoice, parseNetworks } from "./network.ts";

const parse = (
  networks: readonly string[],
  aliases: readonly string[] = [],
  address?: string,
): NetworkChoice => parseNetworks({ networks, aliases, address });

test.each([
  [["bridge"], { network: "bridge", attachments: [{ name: "bridge" }] }],
  [["none"], { network: "none", attachments: [] }],
  [["container:web"], { network: "container:web", attachments: [] }],
  [["a", "b"], { network: "a", attachments: [{ name: "a" }, { name: "b" }] }],
  [
    ["name=a,alias=x,alias=y,ip=10.0.0.2", "b"],
    { network: "a", attachments: [{ name: "a", aliases: ["x", "y"], address: "10.0.0.2" }, { name: "b" }] },
  ],
  // The way out is by the one that comes first.
  [
    ["a", "name=b,gw-priority=1,mac-address=02-00-00-00-00-0A", "name=c,gw-priority=-1"],
    {
      network: "b",
      attachments: [
        { name: "b", hardwareAddress: "02:00:00:00:00:0a", priority: 1 },
        { name: "a" },
        { name: "c", priority: -1 },
      ],
    },
  ],
  [
    [
      'name=a,"driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.a=1,net.mpls.conf.IFNAME.b=2"',
    ],
    {
      network: "a",
      attachments: [
        {
          name: "a",
          driverOptions: {
            "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.a=1,net.mpls.conf.IFNAME.b=2",
          },
        },
      ],
    },
  ],
])("parseNetworks() reads %p", (words, want) => expect(parse(words)).toEqual(want));

test("parseNetworks() gives the first network what has flags of its own", () => {
  expect(parse(["name=a,alias=x", "b"], ["y"], "10.0.0.9").attachments).toEqual([
    { name: "a", aliases: ["x", "y"], address: "10.0.0.9" },
    { name: "b" },
  ]);
});

test.each([
  [["a", "host"], "cannot be connected to multiple networks with one of the networks in host mode"],
  [["a", "a"], 'Network "a" is specified multiple times'],
  [["name=a,mac=1"], "invalid field key mac"],
  [["name=a,gw-priority=x"], "invalid gw-priority: x"],
  [["name=a,driver-opt=b=c"], 'Invalid driver option "b=c": wants one of com.docker'],
  [["name=cni:a,driver-opt=b=c"], "Unsupported driver options in cni:a"],
  [
    ["name=host,driver-opt=com.docker.network.endpoint.ifname=a"],
    "conflicting options: driver options with --network host",
  ],
  [
    ["a", "b"].map((name) => `name=${name},driver-opt=com.docker.network.endpoint.ifname=x`),
    'Cannot name a network interface of the container "x": it has another of that name',
  ],
  [["name=a,link-local-ip=169.254.1.1"], "Unsupported --network with link-local-ip"],
  [["name=host,mac-address=02:00:00:00:00:0a"], "an alias or an address with --network host"],
  [["alias=a"], "network name or ID is empty"],
  [["name=a,ip=10.0.0"], "invalid IPv4 address: 10.0.0"],
])("parseNetworks() refuses %p: %s", (words, why) => expect(() => parse(words)).toThrow(why));

test("parseNetworks() refuses an alias or an address where there is no network of ours", () => {
  expect(() => parse(["host"], ["x"])).toThrow("an alias or an address with --network host");
  expect(() => parse(["none"], [], "10.0.0.2")).toThrow("an alias or an address with --network none");
  const hardwareAddress = "02:00:00:00:00:0a";
  const words = { aliases: [], address: undefined, address6: undefined, hardwareAddress };
  expect(() => parseNetworks({ networks: ["container:x"], ...words })).toThrow("an alias or an address");
  expect(parseNetworks({ networks: ["host"], ...words }).network).toBe("host");
});
