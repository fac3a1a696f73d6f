/**
 * A plain user's home: the user, mount and network namespace in which all of their commands on one store work, and the process
 * that keeps them. It comes with the first command, and is found by a file in the run folder.
 */
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type HostPath, isAlive, messageOf, type Owner, TeuError } from "../../base/index.ts";
import { check, errno, lockFile, syscall } from "../../sys/index.ts";

/** Who keeps a home. */
export interface Home {
  readonly keeper: Owner;
  /** How many ids it has; 1: the user's own alone. */
  readonly ids: number;
}

/** A folder that has to be the user's alone is not. */
export class UnsafeFolder extends TeuError<"unsafe-folder", { path: string; why: string }> {
  constructor(context: { path: string; why: string }) {
    super(
      "unsafe-folder",
      "permission-denied",
      context,
      `Cannot use folder ${JSON.stringify(context.path)}: ${context.why}`,
      {
        hint: "What it holds must be out of others' reach: choose another one by TEU_ROOT or TEU_RUN (XDG_RUNTIME_DIR), or chmod 700",
      },
    );
  }
}

const FILE = "home.json";

/** The home that belongs to the run folder `run`; undefined: there is none, or its keeper has ended. */
export function findHome(run: HostPath): Home | undefined {
  if (!hasHome(run)) return undefined;
  const home = JSON.parse(readFileSync(join(run, FILE), "utf8")) as Home; // writeHome wrote it, whole
  return isAlive(home.keeper) ? home : undefined;
}

/** Whether there was one, which may have ended. */
export function hasHome(run: HostPath): boolean {
  return existsSync(join(run, FILE));
}

/** @param run  The user's alone. */
export function writeHome(run: HostPath, home: Home): void {
  const file = join(run, FILE);
  writeFileSync(`${file}.new`, JSON.stringify(home), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Held while a home is looked for and made: there is one at most. */
export function lockHome(run: HostPath): Disposable {
  return lockFile(join(run, "home.lock"));
}

/** The keeper's descriptor, which the caller closes; undefined: it has just ended. */
export function openKeeper({ keeper }: Home): number | undefined {
  const pidfd = syscall("pidfd_open", keeper.pid, 0);
  if (pidfd === -errno.ESRCH) return undefined;
  check(pidfd, "pidfd_open", `${keeper.pid}`);
  if (isAlive(keeper)) return pidfd;
  closeSync(pidfd);
  return undefined;
}

/** Makes `path` if it is not there, and sees to it that it is the user's and shut to others. @throws {UnsafeFolder} */
export function makeOwnFolder(path: HostPath, uid: number): void {
  const refuse = (why: string) => new UnsafeFolder({ path, why });
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    // As XDG_RUNTIME_DIR of somebody else, which su has left there.
    throw refuse(messageOf(error));
  }
  const status = lstatSync(path);
  if (!status.isDirectory()) throw refuse("it is no directory");
  if (status.uid !== uid) throw refuse(`it belongs to user ${status.uid}`);
  if ((status.mode & 0o077) !== 0)
    throw refuse(`its mode is 0${(status.mode & 0o777).toString(8)}, and others must not enter it`);
}
