/** What the rules do is tested with containers; here, that they are one transaction that the packet filter understands. */
import { expect, test } from "bun:test";
import { needs, program, root } from "../../../test/support/needs.ts";
import { parseSubnet } from "./address.ts";
import { poolOf } from "./address-plan.ts";
import { encodeRules } from "./rules.ts";

const subnet = poolOf(parseSubnet("172.29.0.0/16") ?? { base: 0, prefixLength: 32 }, {});
const plain = { subnet, isIsolated: false, isMasqueraded: true };
const network = { ...plain, bridge: "teu-0123456789", isInternal: false };
const inner = { ...plain, bridge: "teu-abcdefabcd", isInternal: true };
const port = { protocol: "tcp", hostPort: 80, address: "172.29.0.2", containerPort: 8080 } as const;

test("encodeRules() without networks takes the table away, also when there is none", () => {
  expect(encodeRules("teu", [], [])).toBe("table inet teu\ndelete table inet teu\n");
});

const cases = [
  { says: "no port", networks: [network], ports: [] },
  { says: "a port of every address", networks: [network], ports: [port] },
  { says: "a port of one address", networks: [network], ports: [{ ...port, hostAddress: "127.0.0.1" }] },
  { says: "internal networks alone", networks: [inner], ports: [] },
  { says: "a name server", networks: [{ ...network, namePort: 5300 }], ports: [] },
  {
    says: "neither each other nor masquerade",
    networks: [{ ...network, isIsolated: true, isMasqueraded: false }],
    ports: [port],
  },
  {
    says: "IPv6",
    networks: [{ ...network, subnet6: { base: 0xfdn << 120n, prefixLength: 64 } }],
    ports: [
      { ...port, address: "fd00::2" },
      { ...port, address: "fd00::2", hostAddress: "::1" },
    ],
  },
  { says: "everything", networks: [network, inner], ports: [port, { ...port, protocol: "udp" as const }] },
];
needs(root, program("nft")).each(cases)(
  "encodeRules() is understood by nft: $says",
  ({ networks, ports }) => {
    const rules = encodeRules("teu_test_rules", networks, ports);
    const { success, stderr } = Bun.spawnSync(["nft", "--check", "-f", "-"], { stdin: Buffer.from(rules) });
    expect(stderr.toString()).toBe("");
    expect(success).toBe(true);
  },
);
