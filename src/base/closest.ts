/** The word that somebody may have meant. */

/** So many slips of a finger, at most. */
const MOST_SLIPS = 2;

/** The one of `words` that is nearest to `typed`, if one is near: letters missing, added, other or swapped. */
export function closest(typed: string, words: Iterable<string>): string | undefined {
  let [best, fewest] = [
    undefined as string | undefined,
    Math.min(MOST_SLIPS, Math.floor(typed.length / 2)) + 1,
  ];
  for (const word of words) {
    const slips = distance(typed, word);
    if (slips < fewest) [best, fewest] = [word, slips];
  }
  return best;
}

/** Optimal string alignment. */
function distance(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const [above = [], twoAbove = []] = [rows[row - 1], rows[row - 2]];
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      line[column] = Math.min(
        (above[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (twoAbove[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    rows.push(line);
  }
  return rows[from.length]?.[to.length] ?? 0;
}
