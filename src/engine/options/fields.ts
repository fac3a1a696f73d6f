/** Fields of a line of comma-separated values. Source: RFC 4180. */

/** `a=1,"o=x,y"` has two. @param invalid  Makes the error that is thrown */
export function fieldsOf(text: string, invalid: (why: string) => Error): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const [, quoted, plain = "", end] = pattern.exec(text) ?? [];
    if (end === undefined) throw invalid("a quote is not closed, or not around a whole field");
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "") return fields;
  }
}
