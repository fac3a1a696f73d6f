/** Whether a store needs a supervisor, and one for those that do and have none. */
import { tryLockFile } from "../../sys/index.ts";
import { selfCommand } from "../self.ts";
import { checkedContainers } from "../store/containers.ts";
import type { Records } from "../store/store.ts";

/** The command line's words for a supervisor that nobody asked for by hand. */
const SUPERVISOR_WORDS = ["serve", "--while-needed"] as const;

/** Starts a supervisor where one is needed and there is none. */
export function sendForSupervisor(store: Records): void {
  if (checkedContainers(store.database).length === 0) return;
  using lock = tryLockFile(lockPath(store));
  if (lock === undefined) return;
  const env = { TEU_ROOT: store.paths.root, TEU_RUN: store.paths.run };
  // It waits for the lock that we hold until it is on its way.
  Bun.spawn([...selfCommand(), ...SUPERVISOR_WORDS], {
    ...{ cwd: "/", env, detached: true },
    stdio: ["ignore", "ignore", "ignore"],
  }).unref();
}

/** Held by the supervisor. */
export function lockPath({ paths }: Records): string {
  return `${paths.run}/serve.lock`;
}
