/** The newest runc that the Go module proxy has, beside the one that Debian brings; built once and kept in the user's cache folder. */
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const MODULE = "github.com/opencontainers/runc";
const VERSION = "v1.5.2";
const CACHE = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "teu/runc", VERSION);

/** What people read. */
export const NEWEST_RUNC: string = `runc ${VERSION.slice(1)}`;

/** The path of its program; undefined where it cannot be built: it needs Go, a C compiler and libseccomp's headers. */
export function newestRunc(): string | undefined {
  const path = join(CACHE, "runc");
  if (existsSync(path)) return path;
  const go = Bun.which("go") ?? Bun.which("go", { PATH: "/usr/local/go/bin" });
  if (go === null) return undefined;
  mkdirSync(CACHE, { recursive: true });
  const { success, stderr } = Bun.spawnSync([go, "install", "-tags", "seccomp", `${MODULE}@${VERSION}`], {
    env: { ...process.env, GOBIN: CACHE, GOFLAGS: "-buildvcs=false -modcacherw" },
    stdout: "ignore",
    stderr: "pipe",
  });
  if (success) return path;
  console.error(`Going on without ${NEWEST_RUNC}: ${stderr.toString().trim().split("\n").at(-1)}`);
  return undefined;
}
