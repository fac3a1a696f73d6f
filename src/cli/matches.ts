/** Values of filters that are patterns. Source: moby api/types/filters, Match. */

/** Whether `text` has what the regular expression `pattern` says; what is none fits nothing. */
export function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}
