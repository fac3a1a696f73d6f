/** What is different when a plain user, or root of a user namespace, calls the runtime. Source: runc, libcontainer rootless. */

/** Whether the caller is no root at all: what only root may do outside has to be done inside, or by helpers. */
export function isRootless(): boolean {
  return process.geteuid?.() !== 0;
}
