/** Names that nobody guesses. By the platform's own generator: node:crypto takes two milliseconds to load, and every command of the engine makes one. */

/** As many random bytes, in hexadecimal: two characters for each. */
export function randomHex(bytes: number): string {
  return crypto
    .getRandomValues(new Uint8Array(bytes))
    .reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
}

/** One of `choices`. There are many fewer of them than the 2^32 by which it is chosen. */
export function randomChoice<T>(choices: readonly T[]): T {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  return choices[number % choices.length] as T; // the caller has some
}
