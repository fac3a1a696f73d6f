/** A systemd of a plain user's own. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { ALONE, UID, withRanges } from "./rootless.ts";

/**
 * A systemd of the user's own, as user@.service starts one, but for PAM. Calls are made from below it, as from a session that it
 * has started: the kernel lets nobody else put processes into its cgroups.
 */
export class UserSystemd implements AsyncDisposable {
  readonly name: string = `teu-test-user-${process.pid}`;
  readonly runtime: string = `/run/teu-test-user-${process.pid}`;
  readonly cgroup: string = `/system.slice/${this.name}.service`;

  static async start(): Promise<UserSystemd> {
    const theirs = new UserSystemd();
    mkdirSync(theirs.runtime, { mode: 0o700 });
    Bun.spawnSync(["chown", `${UID}:${UID}`, theirs.runtime]);
    // systemd-run knows no user but those of this machine's passwd, and a user's systemd hangs up on who is in none.
    const own = `/sys/fs/cgroup${theirs.cgroup}`;
    const script = `chown ${UID}:${UID} ${own} ${own}/cgroup.procs ${own}/cgroup.subtree_control ${own}/cgroup.threads && exec "$@"`;
    const { success, stderr } = Bun.spawnSync([
      ...["systemd-run", "--quiet", `--unit=${theirs.name}`],
      ...["--property=Delegate=yes", "--property=DefaultDependencies=no"],
      ...["--setenv=HOME=/", `--setenv=XDG_RUNTIME_DIR=${theirs.runtime}`],
      ...["sh", "-c", script, "sh", ...withRanges(theirs.runtime), "/lib/systemd/systemd", "--user"],
    ]);
    if (!success) throw new Error(stderr.toString());
    for (
      const until = Date.now() + 60_000;
      !existsSync(`${theirs.runtime}/systemd/private`);
      await Bun.sleep(50)
    )
      if (Date.now() > until) throw new Error("the user's systemd does not come up");
    mkdirSync(`/sys/fs/cgroup${theirs.cgroup}/caller`);
    return theirs;
  }

  /** Before a command. */
  get prefix(): readonly string[] {
    return [...this.enter, ...ALONE];
  }

  /** The same as root. */
  get enter(): readonly string[] {
    return ["sh", "-c", `echo 0 >/sys/fs/cgroup${this.cgroup}/caller/cgroup.procs && exec "$@"`, "sh"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Bun.spawnSync(["systemctl", "stop", this.name]);
    rmSync(this.runtime, { recursive: true, force: true });
  }
}
