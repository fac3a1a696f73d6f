import { expect, test } from "bun:test";
import {
  deviceAsked,
  parametersFor,
  parseEndpointFlags,
  parseEndpointOptions,
  parseParameters,
  turnsIPv6Off,
} from "./endpoint-options.ts";

const SYSCTLS = "com.docker.network.endpoint.sysctls";
const IFNAME = "com.docker.network.endpoint.ifname";

test("parseEndpointFlags() takes a name and parameters, in quotes where there are several", () => {
  const options = parseEndpointFlags("--driver-opt", [
    `${IFNAME}=wan0`,
    `"${SYSCTLS}=net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.ifname.disable_ipv6=1"`,
  ]);
  expect(deviceAsked(options)).toBe("wan0");
  expect(turnsIPv6Off(options)).toBe(true);
  expect(parametersFor("wan0", options)).toEqual({
    "net/ipv4/conf/wan0/log_martians": "1",
    "net/ipv6/conf/wan0/disable_ipv6": "1",
  });
  expect(parametersFor("eth0")).toEqual({});
});

test.each([
  "kernel.IFNAME.x.y.z=1",
  "net.ipv4.conf.eth0.forwarding=1",
  "net.ipv4.conf.all.forwarding=1",
  "net.core.conf.IFNAME.somaxconn=1",
  "net.ipv4.ip_forward=1",
  "net.ipv4.conf.IFNAME.forwarding",
  "net.ipv4.conf.IFNAME.a.b=1",
  "net.ipv4.conf.IFNAME.a/../../all/forwarding=1",
  "net.ipv4.conf/..IFNAME.a=1",
  "net.ipv4.conf.IFNAME.forwarding=1,",
])("parseEndpointOptions() refuses parameters of no device: %s", (text) =>
  expect(() => parseEndpointOptions("--network", [`${SYSCTLS}=${text}`])).toThrow(
    `unrecognised network interface sysctl '${text.endsWith(",") ? "" : text}'`,
  ),
);

test("parseParameters() says where those of a device belong", () => {
  const texts = ["net.ipv4.conf.eth0.log_martians=1", "net.ipv4.ip_forward=1"];
  expect(() => parseParameters(texts, "bridge")).toThrow(
    `interface specific sysctl setting "net.ipv4.conf.eth0.log_martians" must be supplied using driver option '${SYSCTLS}'`,
  );
  expect(parseParameters(["net.ipv4.conf.all.forwarding=1"], "bridge")).toEqual({
    "net.ipv4.conf.all.forwarding": "1",
  });
  expect(Object.keys(parseParameters(texts, "container:web"))).toHaveLength(2);
});

test.each(["", "lo", "all", "default", "..", "a/b", "eth%d", "a b", "a:b", "sixteen-letters-"])(
  "parseEndpointOptions() refuses the name %p",
  (name) =>
    expect(() => parseEndpointOptions("--network", [`${IFNAME}=${name}`])).toThrow("invalid interface name"),
);

test.each([
  ["foo=bar", `Invalid driver option "foo=bar": wants one of ${IFNAME}, ${SYSCTLS}`],
  ["foo", "invalid key/value pair format in driver options"],
  ["=x", "invalid key/value pair format in driver options"],
])("parseEndpointOptions() refuses %p", (text, why) =>
  expect(() => parseEndpointOptions("--driver-opt", [text])).toThrow(why),
);
