/** Leads on what asks at ::1 of this machine. Nobody else gets there: the kernel takes that address from its own device alone. */
import type { LoopbackListener, LoopbackPort } from "./loopback.ts";
import { leadTCP } from "./loopback-tcp.ts";
import { leadUDP } from "./loopback-udp.ts";

export class LoopbackServer {
  /** By protocol and port. */
  readonly #open = new Map<string, LoopbackListener>();

  /** Listens at the ports of `wanted`, and at no others. What somebody else has taken meanwhile is tried again the next time. */
  async refresh(wanted: readonly LoopbackPort[]): Promise<void> {
    const targets = new Map(wanted.map((target) => [`${target.protocol} ${target.hostPort}`, target]));
    for (const [key, listener] of this.#open) {
      if (targets.has(key)) continue;
      listener.close();
      this.#open.delete(key);
    }
    for (const [key, target] of targets) {
      const known = this.#open.get(key);
      const listener = known ?? (await (target.protocol === "tcp" ? leadTCP : leadUDP)(target));
      known?.leadTo(target);
      if (listener !== undefined) this.#open.set(key, listener);
    }
  }

  close(): void {
    for (const listener of this.#open.values()) listener.close();
    this.#open.clear();
  }
}
