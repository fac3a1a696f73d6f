/** What config.json asks of the kernel beyond what every kernel has: looked up before anything is made. */
import { Unsupported } from "../../base/index.ts";
import type { Linux, Process } from "../../spec/index.ts";
import { existsSync, readTextSync } from "../../sys/index.ts";

const APPARMOR = "/sys/module/apparmor/parameters/enabled";
const SELINUX = "/sys/fs/selinux/enforce";

/** @throws {Unsupported} naming the field that this kernel has nothing for. The sentences are runc's. */
export function refuseForKernel(
  { apparmorProfile, selinuxLabel }: Partial<Process>,
  { mountLabel }: Pick<Linux, "mountLabel"> = {},
): void {
  if (apparmorProfile && !hasAppArmor())
    throw new Unsupported({
      what: "process.apparmorProfile",
      why: "apparmor: config provided but apparmor not supported",
    });
  for (const [what, label] of [
    ["process.selinuxLabel", selinuxLabel],
    ["linux.mountLabel", mountLabel],
  ] as const)
    if (label && !existsSync(SELINUX))
      throw new Unsupported({
        what,
        why: "selinux label is specified in config, but selinux is disabled or not supported",
      });
}

function hasAppArmor(): boolean {
  return existsSync(APPARMOR) && readTextSync(APPARMOR).startsWith("Y");
}
