/**
 * What a configuration leaves open: protections that the specification has and this document does not ask for, each with
 * what that means. Not faults: a container of a system's own may need any of them.
 */
import type { Capabilities, NamespaceType, RuntimeConfig } from "../spec/index.ts";

/** One protection that is not asked for. */
export interface Opening {
  readonly field: string;
  readonly says: string;
}

const SHARED: readonly (readonly [NamespaceType, string])[] = [
  ["pid", "it sees the host's processes, and may signal them"],
  ["network", "it has the host's network"],
  ["ipc", "it shares System V's memory and queues, and POSIX's queues, with the host"],
  ["uts", "it shares the host's name"],
  ["cgroup", "it sees where in the host's cgroups it is"],
  ["user", "its root is the host's root"],
];

/** With each of these a process gets to the host. Source: capabilities(7). */
const POWERFUL: ReadonlySet<string> = new Set([
  "CAP_BPF",
  "CAP_DAC_READ_SEARCH",
  "CAP_NET_ADMIN",
  "CAP_PERFMON",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_MODULE",
  "CAP_SYS_PTRACE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_TIME",
]);

/** In the order of the document. */
export function openings({ process, root, mounts = [], linux = {} }: RuntimeConfig): Opening[] {
  const found: Opening[] = [];
  const open = (isOpen: boolean, field: string, says: string): void => {
    if (isOpen) found.push({ field, says });
  };
  const { namespaces = [], resources = {}, maskedPaths = [], readonlyPaths = [] } = linux;
  const isRoot = process?.user.uid === 0;
  open(isRoot, "process.user", "it begins as root");
  const powerful = powerfulOf(process?.capabilities);
  open(powerful.length > 0, "process.capabilities", `it may get to the host by ${powerful.join(", ")}`);
  const hasSetUserID = process !== undefined && !process.noNewPrivileges;
  open(hasSetUserID, "process.noNewPrivileges", "programs with set-user-ID bits give it more rights");
  const hasLabel = Boolean(process?.apparmorProfile || process?.selinuxLabel);
  open(!hasLabel, "process.apparmorProfile", "no profile of AppArmor or label of SELinux holds it");
  open(root?.readonly !== true, "root.readonly", "it may change its root file system");
  mounts.forEach(({ destination, source = "", type, options = [] }, index) => {
    const isBind = type === "bind" || options.includes("bind") || options.includes("rbind");
    const isReadOnly = options.some((option) => option === "ro" || option === "rro");
    open(isBind && !isReadOnly, `mounts[${index}] ${destination}`, `it may write to the host's ${source}`);
  });
  for (const [type, says] of SHARED)
    open(!namespaces.some((namespace) => namespace.type === type), `linux.namespaces, ${type}`, says);
  open(
    !resources.memory?.limit || resources.memory.limit < 0,
    "linux.resources.memory.limit",
    "it may take all memory",
  );
  const { limit: pids } = resources.pids ?? {};
  open(
    pids === undefined || pids < 0,
    "linux.resources.pids.limit",
    "it may have as many processes as the host",
  );
  const hasAllDevices = (resources.devices ?? []).findLast(isOfAllDevices)?.allow === true;
  open(hasAllDevices, "linux.resources.devices", "it may use every device of the host");
  open(linux.seccomp === undefined, "linux.seccomp", "it may make every system call");
  open(maskedPaths.length === 0, "linux.maskedPaths", "files of /proc and /sys tell it of the host");
  open(readonlyPaths.length === 0, "linux.readonlyPaths", "files of /proc/sys and others change the host");
  return found;
}

function powerfulOf({ bounding = [] }: Capabilities = {}): readonly string[] {
  return bounding.filter((name) => POWERFUL.has(name));
}

function isOfAllDevices({
  type = "a",
  major,
  minor,
}: NonNullable<NonNullable<NonNullable<RuntimeConfig["linux"]>["resources"]>["devices"]>[number]): boolean {
  const isAny = (number: number | undefined): boolean => number === undefined || number < 0;
  return type === "a" && isAny(major) && isAny(minor);
}
