/** The value of `--filter label=…`: `KEY`, or `KEY=VALUE`. */

/** Whether `labels` have what `text` asks for. */
export function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const [name = "", value] = text.split(/=(.*)/s);
  return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
}
