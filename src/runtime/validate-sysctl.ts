/**
 * Which sysctls a container may set: those that belong to a namespace of its own. /proc/sys holds the host's too.
 * Source: config-linux.md, sysctl; runc's validator for the list and the sentences.
 */
import type { Linux, NamespaceType } from "../spec/index.ts";
import type { ConfigIssue } from "./validate.ts";

const IPC = new Set([
  ...["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].map(
    (name) => `kernel.${name}`,
  ),
]);

export function validateSysctl({ sysctl, namespaces }: Linux): ConfigIssue[] {
  const types = new Set(namespaces?.map(({ type }) => type));
  return Object.keys(sysctl ?? {}).flatMap((key) => {
    // The key becomes a path: a dot and a slash change places, so only the result shows where it leads.
    const isOutside = /[\0\n]|(^|\/)\.\.?(\/|$)/.test(sysctlPath(key));
    const says = isOutside ? "not a name below /proc/sys" : refusal(dotted(key), types);
    return says === undefined ? [] : [{ field: `linux.sysctl[${JSON.stringify(key)}]`, says }];
  });
}

function refusal(name: string, types: ReadonlySet<NamespaceType>): string | undefined {
  const shown = JSON.stringify(name);
  if (IPC.has(name) || name.startsWith("fs.mqueue."))
    return types.has("ipc") ? undefined : `sysctl ${shown} is not allowed in the hosts ipc namespace`;
  if (name.startsWith("net."))
    return types.has("network") ? undefined : `sysctl ${shown} not allowed in host network namespace`;
  if (types.has("uts") && name === "kernel.domainname") return undefined;
  if (types.has("uts") && name === "kernel.hostname")
    return `sysctl ${shown} is not allowed as it conflicts with the OCI "hostname" field`;
  if (name.startsWith("user."))
    return types.has("user") ? undefined : `setting ucounts without a user namespace not allowed: ${name}`;
  return `sysctl ${shown} is not in a separate kernel namespace`;
}

/** `net/ipv4/conf/eth0.1/forwarding` → `net.ipv4.conf.eth0/1.forwarding`: the first separator says which is which. Source: sysctl.d(5). */
function dotted(key: string): string {
  const first = /[./]/.exec(key)?.[0];
  if (first !== "/") return key;
  return key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

/** The file of a sysctl below /proc/sys, with slashes. */
export function sysctlPath(key: string): string {
  return dotted(key).replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}
