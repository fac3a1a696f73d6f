/**
 * The terminal: allocated inside the container's own devpts, verified, bound on /dev/console through descriptors; the
 * master goes to the parent, which passes it on (2025-52565).
 * Source: runtime-spec config.md, process.terminal; runc docs/terminals.md; ioctl_tty(2).
 */
import type { ConsoleSize } from "../../spec/index.ts";
import { errno } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef } from "../plan/plan.ts";
import {
  ALL,
  AT_EMPTY_PATH,
  DEVPTS_SUPER_MAGIC,
  O_CLOEXEC,
  O_NOCTTY,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  OPEN_TREE_CLONE,
  S_IFREG,
  TIOCGPTPEER,
  TIOCSCTTY,
  TIOCSPTLCK,
  TIOCSWINSZ,
} from "./constants.ts";
import { close, DEV, MASTER, SLAVE, T1, T2 } from "./context.ts";
import { openInRoot } from "./destination.ts";
import { attach } from "./mount-calls.ts";

/** The terminal of a new container, or of a process that comes to a running one. DEV is a descriptor of the container's /dev. */
export function compileConsole(
  plan: PlanBuilder,
  options: { size: ConsoleSize | undefined; uid: number; ptmx: "create" | "exec" },
): void {
  const { size, uid, ptmx } = options;
  plan.section("process.terminal", "config.md, process.terminal");
  openInRoot(plan, DEV, "pts/ptmx", { into: MASTER, flags: O_RDWR | O_NOCTTY, strict: true });
  verifyDevpts(plan);
  plan.call("ioctl", [MASTER, TIOCSPTLCK, plan.reserve(4, "{0}")]);
  plan.call("ioctl", [MASTER, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC], { result: SLAVE });
  if (size !== undefined) {
    const winsize = new Uint8Array(Uint16Array.of(size.height, size.width, 0, 0).buffer);
    plan.call("ioctl", [SLAVE, TIOCSWINSZ, plan.bytes(winsize, `{rows=${size.height}, cols=${size.width}}`)]);
  }
  plan.call("fchown", [SLAVE, uid, -1]);
  if (ptmx === "create") bindConsole(plan);
  plan.sync("console", { descriptors: [MASTER] });
  plan.host({ kind: "console" });
  close(plan, MASTER);
}

function verifyDevpts(plan: PlanBuilder): void {
  const right = plan.label();
  const statfs = plan.reserve(120, "statfs");
  plan.call("fstatfs", [MASTER, statfs]);
  plan.load(T1, new DataRef(statfs.offset), 8);
  plan.jump(right, T1, ALL, "==", DEVPTS_SUPER_MAGIC);
  plan.fail(errno.ENOTTY);
  plan.place(right);
}

function bindConsole(plan: PlanBuilder): void {
  plan.call("mknodat", [DEV, plan.text("console"), S_IFREG | 0o666, 0], { on: { EEXIST: "next" } });
  openInRoot(plan, DEV, "console", { into: T1, flags: O_PATH | O_NOFOLLOW, strict: true });
  plan.call("open_tree", [SLAVE, plan.text(""), AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC], { result: T2 });
  attach(plan, T2, T1);
  close(plan, T2);
  close(plan, T1);
}

/** Makes the terminal the session's and the process's three streams. */
export function compileStreams(plan: PlanBuilder): void {
  plan.section("process.terminal", "config.md, process.terminal");
  plan.call("ioctl", [SLAVE, TIOCSCTTY, 0]);
  for (const stream of [0, 1, 2]) plan.call("dup3", [SLAVE, stream, 0]);
}
