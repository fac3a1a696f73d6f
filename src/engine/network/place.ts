/** Where networks are: in this process's own network namespace, or, for a plain user, in one of their home. */
import type { NetlinkSocket } from "../../sys/index.ts";

/** Who is asked for names in a home's network, in place of a resolver on the machine's own loopback address. */
export const UPLINK_RESOLVER = "10.0.2.3";

/** A port of the machine that leads into the home's network, at the same number. Of SCTP there are none: no program leads them. */
export interface ForwardedPort {
  readonly protocol: "tcp" | "udp";
  /** "": every address of the machine. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Whether it leads to a container that answers by IPv6. */
  readonly isIPv6: boolean;
}

/** The network namespace of a home. Every call is synchronous. */
export interface HomeNetwork {
  /** The lock under which it is changed. */
  readonly lock: string;
  /** A socket of it. */
  socket(): NetlinkSocket;
  /** A socket of the network namespace at `path`, in which `parameters` (paths below /proc/sys) are set. */
  socketIn(path: string, parameters?: Readonly<Record<string, string>>): NetlinkSocket;
  /** Runs a program in it to its end, with `input` as its standard input. */
  run(
    program: string,
    words: readonly string[],
    input: string,
  ): { readonly success: boolean; readonly stderr: string };
  /** Starts another process of this program in it, which outlives this one. */
  startSelf(words: readonly string[], env: Readonly<Record<string, string>>): void;
  /** Sees to it that there is a way out of it. @returns what names that way */
  ensureUplink(): string;
  /** Leads these ports into it, and no others. */
  forward(ports: readonly ForwardedPort[]): void;
  /** Nobody is connected any more: the way out goes. */
  release(): void;
}
