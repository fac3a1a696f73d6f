import { expect, test } from "bun:test";
import { toldOf } from "./told.ts";

const settings = { command: [] } as unknown as Parameters<typeof toldOf>[0];
const IN = "kubernetes.io/ingress-bandwidth";
const OUT = "kubernetes.io/egress-bandwidth";

test("toldOf() tells nothing of what nobody has asked for", () => {
  expect(toldOf(settings, { other: "1" })).toEqual({});
});

test("toldOf() tells of resolvers, and of rates in bits a second", () => {
  const asked = {
    ...settings,
    resolvers: ["192.0.2.53"],
    searchDomains: ["a.test"],
    resolverOptions: ["ndots:3"],
  };
  expect(toldOf(asked, { [IN]: "1.5M", [OUT]: "2Ki" })).toEqual({
    dns: { servers: ["192.0.2.53"], searches: ["a.test"], options: ["ndots:3"] },
    bandwidth: {
      ...{ ingressRate: 1_500_000, ingressBurst: 4_294_967_295 },
      ...{ egressRate: 2048, egressBurst: 4_294_967_295 },
    },
  });
});

test.each(["", "fast", "-1", "10m", "999", "1e6", "2000T", "ki"])("toldOf() refuses %p", (text) =>
  expect(() => toldOf(settings, { [IN]: text })).toThrow(
    `Invalid annotation ${IN}=${JSON.stringify(text)}: wants`,
  ),
);
