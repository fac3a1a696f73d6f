/** `--security-opt`. Source: docker run reference, security configuration; moby daemon/daemon_unix.go, parseSecurityOpt. */
import { readFileSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import { errnoSentence } from "../../sys/index.ts";
import { InvalidOption } from "./error.ts";
import { parseSeccompProfile, type SeccompProfile } from "./seccomp-profile.ts";

/** What the options of one container say together. */
export interface Security {
  readonly noNewPrivileges: boolean;
  /** Absent: the engine's own. */
  readonly seccomp?: "unconfined" | SeccompProfile;
  readonly apparmorProfile?: string;
  readonly selinux?: { readonly process: string; readonly mount: string };
  /** Whether it sees and writes what /proc and /sys hide from containers. */
  readonly isUnmasked: boolean;
  readonly hasWritableCgroups: boolean;
}

/** The types and the level of a container of docker's and podman's on a machine with SELinux. */
const LABEL = {
  user: "system_u",
  role: "system_r",
  type: "container_t",
  level: "s0",
  filetype: "container_file_t",
};

/** @throws {InvalidOption} */
export function parseSecurity(options: readonly string[]): Security {
  const label: Partial<typeof LABEL> = {};
  let security: Security = { noNewPrivileges: false, isUnmasked: false, hasWritableCgroups: false };
  for (const option of options) {
    const invalid = (why = "") =>
      new InvalidOption(
        { option: "--security-opt", value: option },
        `invalid --security-opt: ${JSON.stringify(option)}${why}`,
      );
    const [name = "", value] = option.split(/[=:](.*)/s);
    const isOn = (): boolean => {
      if (value === undefined || value === "true") return true;
      if (value === "false") return false;
      throw invalid();
    };
    if (name === "no-new-privileges") security = { ...security, noNewPrivileges: isOn() };
    else if (name === "writable-cgroups") security = { ...security, hasWritableCgroups: isOn() };
    else if (name === "systempaths" && value === "unconfined") security = { ...security, isUnmasked: true };
    else if (name === "apparmor" && value)
      security = { ...security, ...(value !== "unconfined" && { apparmorProfile: value }) };
    else if (name === "seccomp" && value) security = { ...security, ...seccompOf(value, invalid) };
    else if (name === "label" && value !== undefined) {
      const [part = "", word] = value.split(/:(.*)/s);
      if (part === "disable") continue;
      if (!Object.hasOwn(LABEL, part) || !word)
        throw invalid(": wants label=user|role|type|level|filetype:VALUE, or label=disable");
      label[part as keyof typeof LABEL] = word;
    } else throw invalid();
  }
  if (Object.keys(label).length === 0) return security;
  const { user, role, type, level, filetype } = { ...LABEL, ...label };
  return {
    ...security,
    selinux: { process: `${user}:${role}:${type}:${level}`, mount: `${user}:object_r:${filetype}:${level}` },
  };
}

/** The system's words, without the name of the file. */
function whyUnread(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === undefined ? messageOf(error) : errnoSentence(-errno);
}

function seccompOf(value: string, invalid: (why: string) => InvalidOption): Pick<Security, "seccomp"> {
  if (value === "unconfined") return { seccomp: "unconfined" };
  if (value === "builtin") return {};
  let text: string;
  try {
    text = readFileSync(value, "utf8");
  } catch (error) {
    throw invalid(`: opening seccomp profile (${value}) failed: ${whyUnread(error)}`);
  }
  return { seccomp: parseSeccompProfile(text, (why) => invalid(`: seccomp profile (${value}): ${why}`)) };
}
