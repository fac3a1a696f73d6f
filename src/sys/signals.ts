/** Signals by name. */

/** `SIGTERM` → 15. Of node:os, which is loaded where a signal is named, not with every command. */
export function signalNumbers(): Readonly<Record<string, number>> {
  return process.getBuiltinModule("node:os").constants.signals;
}
