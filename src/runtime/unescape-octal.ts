/** The escapes of /proc/PID/mountinfo: space, tab, newline and backslash are written as octal. Source: proc(5). */
export function unescapeOctal(text: string): string {
  return text.includes("\\")
    ? text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    : text;
}
