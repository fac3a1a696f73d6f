/** Hands rules to the packet filter: one transaction, all of it or nothing. Source: nft(8). */
import { TeuError } from "../../base/index.ts";
import type { HomeNetwork } from "./place.ts";

/** The program `nft` is not installed. */
export class NoPacketFilter extends TeuError<"no-packet-filter"> {
  constructor() {
    super(
      "no-packet-filter",
      "failed-precondition",
      {},
      "Cannot connect the container to a network: there is no program nft on this machine",
      { hint: "Install nftables; or run without a network of its own: --network none, --network host" },
    );
  }
}

/** The kernel or `nft` refused the rules. */
export class RulesRefused extends TeuError<"rules-refused", { said: string }> {
  constructor(context: { said: string }) {
    super(
      "rules-refused",
      "failed-precondition",
      context,
      `Cannot set the packet filter's rules: ${context.said}`,
    );
  }
}

const PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/** Puts `rules` into force. @throws {NoPacketFilter} {RulesRefused} */
export function applyRules(rules: string, home: Pick<HomeNetwork, "run"> | undefined): void {
  const program = Bun.which("nft", { PATH });
  if (program === null) throw new NoPacketFilter();
  if (home !== undefined) {
    const { success, stderr } = home.run(program, ["-f", "-"], rules);
    if (!success) throw new RulesRefused({ said: stderr.trim() });
    return;
  }
  const { success, stderr } = Bun.spawnSync([program, "-f", "-"], {
    stdin: new TextEncoder().encode(rules),
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH },
  });
  if (!success) throw new RulesRefused({ said: stderr.toString().trim() });
}
