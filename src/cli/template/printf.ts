/** Go's fmt.Sprintf, for the verbs that templates of a command line use. Source: pkg.go.dev/fmt. */

const VERB = /%([-+# 0]*)(\d+)?(?:\.(\d*))?([a-zA-Z%])/g;

/** `format` with `values` put in; what does not fit is told in the text, as Go does. @param textOf  How Go prints a value with %v. */
export function printf(
  format: string,
  values: readonly unknown[],
  textOf: (value: unknown) => string,
): string {
  let next = 0;
  const text = format.replace(
    VERB,
    (_, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const value = values[next++];
      const digits = precision === undefined ? undefined : Number(precision);
      const body = bodyOf(verb, value, digits, flags, textOf);
      return padded(body ?? `%!${verb}(${typeOf(value)}=${textOf(value)})`, flags, Number(width ?? 0));
    },
  );
  const extra = values.slice(next).map((value) => `${typeOf(value)}=${textOf(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

/** @returns undefined where the verb is not for such a value */
function bodyOf(
  verb: string,
  value: unknown,
  precision: number | undefined,
  flags: string,
  textOf: (value: unknown) => string,
): string | undefined {
  const cut = (text: string) => [...text].slice(0, precision).join("");
  const signed = (text: string) => (flags.includes("+") && !text.startsWith("-") ? `+${text}` : text);
  switch (verb) {
    case "v":
      return cut(textOf(value));
    case "s":
      return typeof value === "number" || typeof value === "boolean" ? undefined : cut(textOf(value));
    case "q":
      return typeof value === "string" ? JSON.stringify(cut(value)) : undefined;
    case "d":
      return Number.isInteger(value) ? signed(`${value}`) : undefined;
    case "x":
    case "X": {
      const text =
        typeof value === "string"
          ? Buffer.from(value).toString("hex")
          : Number.isInteger(value)
            ? (value as number).toString(16) // looked at just now
            : undefined;
      return verb === "X" ? text?.toUpperCase() : text;
    }
    case "f":
      return typeof value === "number" ? signed(value.toFixed(precision ?? 6)) : undefined;
    case "t":
      return typeof value === "boolean" ? `${value}` : undefined;
    case "T":
      return typeOf(value);
    default:
      return undefined;
  }
}

function padded(text: string, flags: string, width: number): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  return sign + "0".repeat(missing) + rest;
}

/** As Go calls the type of a value that came by JSON. */
function typeOf(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "object") return "map[string]interface {}";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  return "string";
}
