/** What the caller of the runtime may do. Source: runc, libcontainer rootless. */
import { isInUserNamespace } from "../../sys/index.ts";

/** Whether the caller is no root at all: what only root may do outside has to be done inside, or by helpers. */
export function isRootless(): boolean {
  return process.geteuid?.() !== 0;
}

/** Whether the caller's rights end at a user namespace, or at a user's own files: then cgroups may be out of reach. */
export function hasLimitedRights(): boolean {
  return isRootless() || isInUserNamespace();
}
