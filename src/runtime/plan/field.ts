/**
 * The field of config.json that a call is for, as exactly as the call tells: a section is for a whole mount or user, its
 * calls for one member each. Looked up when a call has failed, so that no plan pays for it.
 */

interface Member {
  /** Of a section. */
  readonly field: RegExp;
  /** Its calls, as `describeRecord` has them. */
  readonly calls: readonly (readonly [call: RegExp, member: string])[];
}

const MEMBERS: readonly Member[] = [
  {
    field: /^mounts\[\d+\]/,
    calls: [
      [/^fsopen /, "type"],
      [/^(open_tree|fsconfig "source")/, "source"],
      // Without a text it makes the file system, of all that was said.
      [/^(fsconfig "|fsmount|mount_setattr)/, "options"],
      [/^(openat2|mkdirat|mknodat|move_mount|fspick|fstatfs)/, "destination"],
    ],
  },
  {
    field: /^process\.user$/,
    calls: [
      [/^setgroups/, "additionalGids"],
      [/^setresgid/, "gid"],
      [/^setresuid/, "uid"],
      [/^umask/, "umask"],
    ],
  },
  { field: /^process\.capabilities$/, calls: [[/^prctl/, "ambient"]] },
];

/** `mounts[3] /data` and `mount_setattr` are `mounts[3].options /data`; where no member is known, it is the whole. */
export function memberOf(field: string, call: string): string {
  const [, member] =
    MEMBERS.find((one) => one.field.test(field))?.calls.find(([pattern]) => pattern.test(call)) ?? [];
  if (member === undefined) return field;
  const [path = "", ...words] = field.split(" ");
  return [`${path}.${member}`, ...words].join(" ");
}

/** Whether a section is for something that config.json says, and not for a step of the lifecycle or a path on the way. */
export function isConfigField(field: string): boolean {
  return /^((process|linux|root|hooks)[.[]|mounts\[|(host|domain)name$)/.test(field);
}
