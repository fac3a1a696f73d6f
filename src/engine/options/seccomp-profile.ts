/**
 * A seccomp profile as docker's users write it: the runtime specification's, and beside it rules that hold for some capabilities,
 * machines or kernels only. Source: docker documentation, seccomp security profiles; moby profiles/seccomp.
 */
import { messageOf } from "../../base/index.ts";
import {
  array,
  type Check,
  encodeIssue,
  integer,
  object,
  optional,
  type Seccomp,
  type SeccompRule,
  string,
} from "../../spec/index.ts";
import type { Architecture } from "../../sys/index.ts";

/** The file's own words. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly ProfileRule[];
}

interface ProfileRule {
  readonly name?: string;
  readonly names?: readonly string[] | null;
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: SeccompRule["args"] | null;
  readonly includes?: Condition | null;
  readonly excludes?: Condition | null;
}

interface Condition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  /** `4.8`. */
  readonly minKernel?: string;
}

/** Where a profile is to hold. */
export interface ProfilePlace {
  /** Of the bounding set: `CAP_SYS_ADMIN`. */
  readonly capabilities: readonly string[];
  readonly architecture: Architecture;
  /** `6.1.0-13-amd64`. */
  readonly kernel: string;
}

const condition = object<Condition>({
  caps: optional(array(string)),
  arches: optional(array(string)),
  minKernel: optional(string),
});
/** Arguments are checked with the rest of config.json. */
const args: Check<NonNullable<SeccompRule["args"]>> = (value) =>
  Array.isArray(value) ? undefined : [{ path: [], found: typeof value, wants: "array" }];
const shape = object<SeccompProfile>({
  defaultAction: string,
  defaultErrnoRet: optional(integer(0)),
  architectures: optional(array(string)),
  archMap: optional(
    array(
      object<NonNullable<SeccompProfile["archMap"]>[number]>({
        architecture: string,
        subArchitectures: optional(array(string)),
      }),
    ),
  ),
  flags: optional(array(string)),
  listenerPath: optional(string),
  listenerMetadata: optional(string),
  syscalls: optional(
    array(
      object<ProfileRule>({
        name: optional(string),
        names: optional(array(string)),
        action: string,
        errnoRet: optional(integer(0)),
        args: optional(args),
        includes: optional(condition),
        excludes: optional(condition),
      }),
    ),
  ),
});

/** @param fail  Makes the error of what is wrong. */
export function parseSeccompProfile(text: string, fail: (why: string) => Error): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fail(`it is no JSON: ${messageOf(error)}`);
  }
  const [issue] = shape(value) ?? [];
  if (issue !== undefined) throw fail(encodeIssue(issue));
  const profile = value as SeccompProfile; // just checked
  if (profile.architectures?.length && profile.archMap?.length)
    throw fail(
      "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  for (const [index, rule] of (profile.syscalls ?? []).entries()) {
    if (rule.name && rule.names?.length)
      throw fail("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
    if (!rule.name && !rule.names?.length) throw fail(`syscalls[${index}] names no system call`);
  }
  return profile;
}

const GO_NAMES: Readonly<Record<Architecture, string>> = { x64: "amd64", arm64: "arm64" };
const SCMP_NAMES: Readonly<Record<Architecture, string>> = {
  x64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
};

/** The filter that the profile means in `place`; what is wrong in it is told when config.json is checked. */
export function seccompOfProfile(profile: SeccompProfile, place: ProfilePlace): Seccomp {
  const { defaultAction, defaultErrnoRet, flags, listenerPath, listenerMetadata } = profile;
  const machine = SCMP_NAMES[place.architecture];
  const mapped = profile.archMap?.find(({ architecture }) => architecture === machine);
  const architectures = profile.archMap?.length
    ? mapped && [machine, ...(mapped.subArchitectures ?? [])]
    : profile.architectures;
  const rules = (profile.syscalls ?? []).filter(({ includes, excludes }) => holds(includes, excludes, place));
  return {
    defaultAction: defaultAction as Seccomp["defaultAction"], // checked with the rest of config.json
    ...(defaultErrnoRet !== undefined && { defaultErrnoRet }),
    ...(architectures?.length && { architectures }),
    ...(flags?.length && { flags }),
    ...(listenerPath && { listenerPath }),
    ...(listenerMetadata && { listenerMetadata }),
    syscalls: rules.map(({ name, names, action, errnoRet, args }) => ({
      names: name ? [name] : (names ?? []),
      action: action as SeccompRule["action"], // likewise
      ...(errnoRet !== undefined && { errnoRet }),
      ...(args?.length && { args }),
    })),
  };
}

/** A rule holds where all that it includes is so, and nothing that it excludes. */
function holds(
  includes: Condition | null | undefined,
  excludes: Condition | null | undefined,
  { capabilities, architecture, kernel }: ProfilePlace,
): boolean {
  const machine = GO_NAMES[architecture];
  const { arches = [], caps = [], minKernel } = includes ?? {};
  if (arches.length > 0 && !arches.includes(machine)) return false;
  if (!caps.every((name) => capabilities.includes(name))) return false;
  if (minKernel && !isAtLeast(kernel, minKernel)) return false;
  if (excludes?.arches?.includes(machine)) return false;
  if (excludes?.caps?.some((name) => capabilities.includes(name))) return false;
  return !(excludes?.minKernel && isAtLeast(kernel, excludes.minKernel));
}

function isAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[^0-9]+/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
