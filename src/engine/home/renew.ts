/** A home that was made when its user had one id alone, and has more now: who wrote the lines in /etc/subuid that were missing wants them to count. */
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { type HostPath, printError, startTimeOf } from "../../base/index.ts";
import { check, syscall } from "../../sys/index.ts";
import { findHome, type Home, lockHome, openKeeper } from "./home.ts";
import { idMapsOf, type User } from "./ids.ts";

const SIGKILL = 9;
const POLLIN = 1;
/** A process that was killed is gone by then, or there is more wrong than a home. */
const PATIENCE_S = 2n;

/** Ends the home of the run folder `run`, if it has one id, its user more, and nothing is at work in it. The next one has them. */
export function endSmallHome(run: HostPath, user: User): void {
  using _lock = lockHome(run);
  const home = findHome(run);
  if (home?.ids !== 1 || idMapsOf(user).missing !== undefined) return;
  if (isBusy(home)) {
    printError("teu: What /etc/subuid and /etc/subgid give you counts when no container of yours runs\n");
    return;
  }
  const keeper = openKeeper(home);
  if (keeper === undefined) return;
  try {
    check(syscall("pidfd_send_signal", keeper, SIGKILL, 0, 0), "pidfd_send_signal");
    check(
      syscall("ppoll", Int32Array.of(keeper, POLLIN), 1, new BigInt64Array([PATIENCE_S, 0n]), 0),
      "ppoll",
    );
  } finally {
    closeSync(keeper);
  }
}

/** Whether anybody but the keeper is in its namespaces: a container, its monitor, another command. */
function isBusy({ keeper }: Home): boolean {
  const own = namespaceOf(keeper.pid);
  return readdirSync("/proc").some(
    (name) =>
      /^\d+$/.test(name) &&
      Number(name) !== keeper.pid &&
      namespaceOf(Number(name)) === own &&
      startTimeOf(Number(name)) !== undefined, // else its parent has only not been told of its end
  );
}

/** undefined: it has just ended, or is somebody else's. */
function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw error;
  }
}
