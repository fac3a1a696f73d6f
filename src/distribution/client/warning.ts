/** What a registry wants people to know. Source: distribution-spec spec.md, Warnings; RFC 7234, 5.5. */

/** One, with the code and the agent that the specification fixes; a date behind it is none of its own. */
const WARNING = /(?:^|,)\s*299 - "((?:[^"\\]|\\.)*)"/g;
/** Of all together. */
const MAX_CHARACTERS = 4096;

/** The texts of an answer's `Warning` headers, on one line each, without what would command a terminal; none if they are too long. */
export function warningsOf(headers: Headers): string[] {
  const value = headers.get("warning") ?? "";
  if (value.length > MAX_CHARACTERS) return [];
  return [...value.matchAll(WARNING)].map(([, text = ""]) =>
    text.replaceAll(/\\(.)/g, "$1").replaceAll(/[\s\x00-\x1f\x7f-\x9f]+/g, " "),
  );
}
