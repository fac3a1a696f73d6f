/**
 * Directories that may take so many bytes, by quotas of projects. Which projects are ours and free, the file system knows: a project is
 * free when no file belongs to it, so one that somebody took and was killed with, or whose directory is gone, is free by itself.
 */
import { closeSync, constants, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, TeuError } from "../../base/index.ts";
import {
  errno,
  errnoName,
  errnoSentence,
  limitProject,
  lockFile,
  projectOf,
  setProject,
  useOfProject,
} from "../../sys/index.ts";
import type { Store } from "../store/store.ts";

/** Above those that people and other engines give out, from 1 on. */
const FIRST_PROJECT = 0x7465_0000;
const LAST_PROJECT = FIRST_PROJECT + 0xffff;

/** The file system keeps no such quotas, or not now. */
export class NoProjectQuota extends TeuError<
  "no-project-quota",
  { path: string; fileSystem: string; mountPoint: string; errno: string }
> {
  constructor(context: { path: string; fileSystem: string; mountPoint: string }, number: number) {
    const { path, fileSystem, mountPoint } = context;
    super(
      "no-project-quota",
      "unsupported",
      { ...context, errno: errnoName(number) },
      `Cannot limit the size of ${JSON.stringify(path)}: its file system, ${fileSystem} on ${mountPoint}, keeps no quotas of projects (${errnoSentence(number)})`,
      { hint: HINTS[fileSystem] ?? "ext4 and xfs have them, mounted with the option prjquota" },
    );
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ext4: "Unmounted: tune2fs -O quota,project -Q prjquota DEVICE; then mount it with the option prjquota",
  xfs: "Mount it with the option prjquota (for /: rootflags=prjquota of the kernel)",
};

/** Lets `directory`, in which nothing is yet, take no more than `bytes`; one that is limited already stays as it is. @throws {NoProjectQuota} */
export function limitDirectory({ paths }: Store, directory: HostPath, bytes: number): void {
  // Between the choice of a project and its first file nobody else may choose.
  using _lock = lockFile(projectsLock(paths));
  withOpen(directory, (descriptor) => {
    const present = projectOf(descriptor);
    if (isOurs(present)) return;
    const project = freeProject(directory, descriptor);
    const limited = limitProject(descriptor, project, bytes);
    if (limited < 0) throw refused(directory, limited);
    const set = setProject(descriptor, project);
    if (set < 0) throw refused(directory, set);
  });
}

/** The project that `directory` has of us, for `releaseProject()` when it is gone; undefined: none. */
export function projectIn(directory: HostPath): number | undefined {
  const project = withOpen(directory, projectOf);
  return isOurs(project) ? project : undefined;
}

/** Takes the limit off a project whose directory is gone. @param beside  A directory of the same file system. */
export function releaseProject({ paths }: Store, beside: HostPath, project: number): void {
  using _lock = lockFile(projectsLock(paths));
  withOpen(beside, (descriptor) => {
    const use = useOfProject(descriptor, project);
    // Without files it was free for others, who may have limited it anew.
    if (typeof use !== "number" && use.inodes === 0) limitProject(descriptor, project, 0);
  });
}

function projectsLock({ root }: Store["paths"]): string {
  return join(root, "projects.lock");
}

function isOurs(project: number): boolean {
  return project >= FIRST_PROJECT && project <= LAST_PROJECT;
}

function freeProject(path: HostPath, descriptor: number): number {
  for (let project = FIRST_PROJECT; project <= LAST_PROJECT; project++) {
    const use = useOfProject(descriptor, project);
    if (use === -errno.ENOENT) return project;
    if (typeof use === "number") throw refused(path, use);
    if (use.inodes === 0) return project;
  }
  throw refused(path, -errno.ENOSPC);
}

function withOpen<T>(path: HostPath, use: (descriptor: number) => T): T {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function refused(path: HostPath, result: number): NoProjectQuota {
  const { dev } = statSync(path);
  const device = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((one) => one.split(" ")[2] === device);
  const [before = "", after = ""] = (line ?? "").split(" - ");
  const [fileSystem = ""] = after.split(" ");
  const mountPoint = before.split(" ")[4] ?? "?";
  return new NoProjectQuota({ path, fileSystem: fileSystem || "of its kind", mountPoint }, -result);
}
