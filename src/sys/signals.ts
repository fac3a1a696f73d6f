/** Signals by name and number. Source: signal(7). */

/** `SIGTERM` → 15. Of node:os, which is loaded where a signal is named, not with every command. */
export function signalNumbers(): Readonly<Record<string, number>> {
  return process.getBuiltinModule("node:os").constants.signals;
}

/** What is left of the kernel's 32 and up when the C libraries have taken two. */
const REAL_TIME_MIN = 34;
const REAL_TIME_MAX = 64;

/**
 * `TERM`, `SIGTERM`, `sigterm`, `15` → 15; `RTMIN+3`, `37` → 37; `RTMAX-1` → 63. In words and numbers docker's.
 * @returns undefined for what is no signal
 */
export function parseSignalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= REAL_TIME_MAX ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const [, end, distance = "0"] = /^(RTMIN(?=\+|$)|RTMAX(?=-|$))(?:[+-](\d{1,2}))?$/.exec(name) ?? [];
  if (end !== undefined) {
    const number = end === "RTMIN" ? REAL_TIME_MIN + Number(distance) : REAL_TIME_MAX - Number(distance);
    return number >= REAL_TIME_MIN && number <= REAL_TIME_MAX ? number : undefined;
  }
  const numbers = signalNumbers();
  return Object.hasOwn(numbers, `SIG${name}`) ? numbers[`SIG${name}`] : undefined;
}
