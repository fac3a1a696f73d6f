/** What the guard does is tested as an attack, in test/security; here, that the packet filter understands it. */
import { expect } from "bun:test";
import { needs, program, root } from "../../../test/support/needs.ts";
import { encodeGuard } from "./forwarding.ts";

needs(root, program("nft")).each([
  ["ip", []],
  ["ip", ["eth0"]],
  ["ip6", ["eth0", "br-lan", "eth0.5"]],
] as const)("encodeGuard() is understood by nft: %s %j", (family, devices) => {
  const stdin = Buffer.from(encodeGuard(family, devices));
  const { success, stderr } = Bun.spawnSync(["nft", "--check", "-f", "-"], { stdin });
  expect(stderr.toString()).toBe("");
  expect(success).toBe(true);
});
