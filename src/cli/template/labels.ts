/** Labels in templates: `{{.Labels}}`, all of them, and `{{.Label "name"}}`, one. Docker's. */
import { printable } from "../text.ts";

/** The two fields of what has `labels`. */
export function labelFields(labels: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  return {
    Labels: Object.entries(labels)
      .map(([key, value]) => printable(`${key}=${value}`))
      .join(","),
    Label: (key: unknown) => printable(labels[String(key)] ?? ""),
  };
}

/** What stands above them in a table: `app` for `com.example.app`. */
export const LABEL_HEADINGS: Readonly<Record<string, unknown>> = {
  Labels: "LABELS",
  Label: (key: unknown) => String(key).replace(/^.*\./s, ""),
};
