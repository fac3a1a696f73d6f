/**
 * Has a plain user's command go on in the user's home, where that user is root: there the engine does what it does for root. The
 * process stays the same, with its terminal and its place among the shell's jobs; the program begins anew.
 */
import {
  allCalled,
  bootID,
  type HostPath,
  isCalledByBytes,
  printError,
  startTimeOf,
} from "../../base/index.ts";
import { enginePaths } from "../paths.ts";
import { selfCommand } from "../self.ts";
import { findHome, type Home, hasHome, lockHome, makeOwnFolder, openKeeper, writeHome } from "./home.ts";
import { idMapsOf, thisUser, type User } from "./ids.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Enters the home of the run folder that `environment` chooses, which is made if there is none. */
export async function enterHome(environment: Environment): Promise<never> {
  const { root, run } = enginePaths(environment);
  const user = thisUser();
  for (const path of [run, root]) makeOwnFolder(path, user.uid);
  const { becomeInNamespaces } = await import("../../runtime/home/index.ts");
  const [path = "", ...before] = selfCommand();
  const words = isCalledByBytes()
    ? allCalled().map((word) => Buffer.from(word, "latin1"))
    : process.argv.slice(2);
  const env = Object.entries({ ...environment, TEU_ROOT: root, TEU_RUN: run })
    // The caller's own, but for what would make another program of a Bun executable.
    .filter(([name, value]) => value !== undefined && !name.startsWith("BUN_"))
    .map(([name, value]) => `${name}=${value}`);
  const pidfd = await openHome(run, user);
  return becomeInNamespaces(pidfd, { path, argv: [process.argv0, ...before, ...words], env });
}

/**
 * Enters the home where one has been made; else does nothing. So a command that would do so when it opens the store is not loaded for nothing:
 * the program loads it there, once more.
 */
export async function enterHomeIfThere(environment: Environment): Promise<void> {
  if (hasHome(enginePaths(environment).run)) await enterHome(environment);
}

/** A descriptor of the keeper. */
async function openHome(run: HostPath, user: User): Promise<number> {
  if (findHome(run)?.ids === 1) (await import("./renew.ts")).endSmallHome(run, user);
  for (;;) {
    const home = findHome(run) ?? (await makeHome(run, user));
    const pidfd = openKeeper(home);
    if (pidfd !== undefined) return pidfd;
  }
}

async function makeHome(run: HostPath, user: User): Promise<Home> {
  using _lock = lockHome(run);
  const known = findHome(run);
  if (known !== undefined) return known;
  const { startKeeper } = await import("./start-keeper.ts");
  const { missing, ...maps } = idMapsOf(user);
  if (missing !== undefined)
    printError(`teu: Only images whose files are all root's can be used: ${missing}\n`);
  const pid = startKeeper(maps);
  const keeper = { pid, startTime: startTimeOf(pid) ?? 0, bootID: bootID() };
  const home = { keeper, ids: maps.uids.reduce((sum, { size }) => sum + size, 0) };
  writeHome(run, home);
  return home;
}
