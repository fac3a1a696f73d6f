/**
 * Standard streams that are the host's null device become the container's own: with the host's inode in hand root of the
 * container could change its mode for everybody, and a checkpoint could not say what it is. Source: runc create.
 */
import { errno } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef } from "../plan/plan.ts";
import { ALL, O_NOFOLLOW, O_RDWR, S_IFCHR, S_IFMT, STX_RDEV_MAJOR, STX_RDEV_MINOR } from "./constants.ts";
import { close, DEV, T1, T2 } from "./context.ts";
import { openInRoot } from "./destination.ts";
import { loadMode } from "./mount-calls.ts";

const NULL_DEVICE = { major: 1n, minor: 3n };

/** `streams` out of 0, 1 and 2. DEV is the container's /dev, in which the device has been made or found to be right. */
export function compileNullStreams(plan: PlanBuilder, streams: readonly number[]): void {
  if (streams.length === 0) return;
  plan.section("/dev/null", "config-linux.md, Default Devices");
  openInRoot(plan, DEV, "null", { into: T1, flags: O_RDWR | O_NOFOLLOW, strict: true });
  // Who shares this /dev may have put something else there.
  const [wrong, right] = [plan.label(), plan.label()];
  const stat = loadMode(plan, T1, T2);
  plan.jump(wrong, T2, BigInt(S_IFMT), "!=", BigInt(S_IFCHR));
  plan.load(T2, new DataRef(stat.offset + STX_RDEV_MAJOR), 4);
  plan.jump(wrong, T2, ALL, "!=", NULL_DEVICE.major);
  plan.load(T2, new DataRef(stat.offset + STX_RDEV_MINOR), 4);
  plan.jump(right, T2, ALL, "==", NULL_DEVICE.minor);
  plan.place(wrong);
  plan.fail(errno.ENXIO);
  plan.place(right);
  for (const stream of streams) plan.call("dup3", [T1, stream, 0]);
  close(plan, T1);
}
