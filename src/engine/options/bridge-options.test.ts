import { expect, test } from "bun:test";
import { bridgeSettings } from "./bridge-options.ts";
import { parseDriver } from "./network-driver.ts";

const BRIDGE = "com.docker.network.bridge";

test("bridgeSettings() reads docker's options, and has docker's defaults", () => {
  expect(bridgeSettings({})).toEqual({ isIsolated: false, isMasqueraded: true });
  const { options } = parseDriver("bridge", [
    ...[`${BRIDGE}.name=br-shop`, "com.docker.network.driver.mtu=1400", `${BRIDGE}.enable_icc=False`],
    ...[`${BRIDGE}.enable_ip_masquerade=0`, `${BRIDGE}.host_binding_ipv4=127.0.0.1`],
  ]);
  expect(bridgeSettings(options)).toEqual({
    ...{ name: "br-shop", mtu: 1400, isIsolated: true, isMasqueraded: false, hostAddress: "127.0.0.1" },
  });
  expect(bridgeSettings({ mtu: "9000" }).mtu).toBe(9000);
});

test.each([
  [`${BRIDGE}.name=`, "wants the name of a network device"],
  [`${BRIDGE}.name=longer-than-a-device`, "wants the name of a network device"],
  [`${BRIDGE}.name=br*`, "wants the name of a network device"],
  [`${BRIDGE}.name=a/b`, "wants the name of a network device"],
  // Where the kernel keeps parameters, that is every device.
  [`${BRIDGE}.name=all`, "wants the name of a network device"],
  [`${BRIDGE}.name=..`, "wants the name of a network device"],
  [`${BRIDGE}.enable_icc=maybe`, "wants true or false"],
  [`${BRIDGE}.enable_ip_masquerade`, "wants true or false"],
  [`${BRIDGE}.host_binding_ipv4=localhost`, "wants an address of IPv4"],
  ["com.docker.network.driver.mtu=67", "wants a number from 68 to 65535"],
  ["mtu=1e3", "wants a number from 68 to 65535"],
  ["foo=bar", `wants one of ${BRIDGE}.name, com.docker.network.driver.mtu, mtu, ${BRIDGE}.enable_icc`],
  ["constructor=bar", `wants one of ${BRIDGE}.name`],
])("parseDriver() refuses %s of a bridge: %s", (text, why) =>
  expect(() => parseDriver("bridge", [text])).toThrow(
    `Invalid option ${JSON.stringify(text)} of driver bridge: ${why}`,
  ),
);
