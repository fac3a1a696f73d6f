/** Turns of the event loop, without node:timers/promises, which takes a third of a millisecond to load. */

/** Lets what others have to do come first. */
export function yieldToOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
