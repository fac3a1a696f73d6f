/** K1: a root file system with links where a runtime works: what an image's author can put there. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** The names at which published attacks planted links. */
export const PLANTED = [
  ...["dev", "proc", "sys", "etc"],
  ...["dev/null", "dev/pts", "dev/console", "dev/ptmx", "dev/shm", "sys/fs/cgroup"],
] as const;

/** Puts a link to `target` in the place of `name` below `rootfs`; what was there is gone. */
export function plantLink(rootfs: string, name: string, target: string): void {
  const path = join(rootfs, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
