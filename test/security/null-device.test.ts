/**
 * The host's null device in a container's hands: what masks a file there, or is a process's standard input, leads to the inode that
 * everybody on the host uses, and root of a container with the capabilities that engines give (CHOWN, FOWNER) makes it another
 * user's, or one that nobody can open.
 * Guard: it is shown through mounts that are read-only, or the container's own device takes its place. Each attack is made on a device of the
 * test's, which is the null device in a mount namespace.
 */
import { describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changes, withLinux, withProcess } from "../integration/support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../integration/support/runtime.ts";
import { needs, program, root } from "../support/needs.ts";

const test = needs(root, program("busybox"), program("runc"), program("mknod"), program("unshare"));
const CAPABILITIES = ["CAP_CHOWN", "CAP_FOWNER"];
const MODE = 0o666;

/** What a container's process on `path` makes of the mode of the device that is the null device where the runtime runs. */
async function modeAfter(runtime: Runtime, path: string, how: "run" | "exec"): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "teu-null-"));
  const device = join(folder, "null");
  try {
    Bun.spawnSync(["mknod", "-m", MODE.toString(8), device, "c", "1", "3"]);
    await using container = new Container(runtime);
    const given = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES };
    const attack = `echo x >${path} && echo written >/tmp/told; chmod 600 ${path}; chown 1 ${path}; touch /tmp/end`;
    container.configure(
      how === "run" ? attack : "sleep 1000",
      changes(withProcess({ capabilities: given }), withLinux({ maskedPaths: ["/proc/uptime"] })),
    );
    const call = (...words: readonly string[]): string => container.words(...words).join(" ");
    // Detached: in the foreground runc has pipes of its own.
    const script =
      how === "run"
        ? call("run", "-d", container.id)
        : `${call("run", "-d", container.id)} && ${call("exec", "-d", container.id, "sh", "-c")} "$1"`;
    const inside = `mount --bind ${device} /dev/null && { ${script}; } </dev/null >&0 2>&0`;
    Bun.spawnSync(["unshare", "-m", "sh", "-c", inside, "-", attack], { cwd: container.bundle.path });
    const end = join(container.bundle.rootfs, "tmp/end");
    for (let round = 0; round < 250 && !existsSync(end); round++) await Bun.sleep(20);
    const told = readFileSync(join(container.bundle.rootfs, "tmp/told"), "utf8").trim();
    const { mode, uid } = statSync(device);
    return `${(mode & 0o777).toString(8)} ${uid}: ${told}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the host's null device is not changed by a container", () => {
  test("where a path is masked by it, which is written to as before", async () => {
    expect(await modeAfter(TESTED, "/proc/uptime", "run")).toBe("666 0: written");
  });

  test("that gets it as a standard stream", async () => {
    expect(await modeAfter(TESTED, "/dev/stdin", "run")).toBe("666 0: written");
  });

  test("to which exec brings it as a standard stream", async () => {
    expect(await modeAfter(TESTED, "/dev/stdin", "exec")).toBe("666 0: written");
  });

  test("and bites: exec of runc 1.1 hands it over", async () => {
    expect(await modeAfter(RUNC, "/dev/stdin", "exec")).toBe("600 1: written");
  });
});
