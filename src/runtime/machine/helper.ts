/** A small plan that init runs for this process: what can only be done in other namespaces than ours. */
import { closeSync, O, openSync, reap, syscall } from "../../sys/index.ts";
import { SIGKILL } from "../compile/constants.ts";
import type { Plan } from "../plan/plan.ts";
import { launch } from "./launch.ts";

/** An init that waits at its SYNC, and ends when it is disposed of. */
export class Helper implements Disposable {
  readonly pid: number;
  readonly socket: number;
  readonly #pidfd: number;

  constructor(plan: Plan, cloneFlags: number) {
    const nothing = openSync("/dev/null", O.RDWR);
    try {
      const { pid, pidfd, socket } = launch(plan, { stdio: [nothing, nothing, nothing], cloneFlags });
      this.pid = pid;
      this.socket = socket;
      this.#pidfd = pidfd;
    } finally {
      closeSync(nothing);
    }
  }

  [Symbol.dispose](): void {
    syscall("pidfd_send_signal", this.#pidfd, SIGKILL, 0, 0);
    reap(this.pid, { wait: true });
    syscall("close", this.#pidfd);
    syscall("close", this.socket);
  }
}
