/**
 * Patterns of names: `*` stands for any text within one component, `**` for any text, everything else for itself.
 * `team/**` does not match `team`.
 */

/** Whether a name matches. */
export type Glob = (name: string) => boolean;

/** Makes the pattern a function. */
export function compileGlob(pattern: string): Glob {
  if (pattern === "**") return () => true;
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part === "*" ? "[^/]*" : /^\*+$/.test(part) ? ".*" : part.replace(/[^\w/-]/g, "\\$&")))
    .join("");
  const expression = new RegExp(`^${source}$`, "u");
  return (name) => expression.test(name);
}
