/**
 * What the tests of callers share: a folder of a caller's own, an image in the forms that callers load, the runtime as a
 * program of one word, and servers that run as long as a test does.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, run, TEU } from "../teu.ts";
import { peer } from "./images.ts";
import { findLeftovers } from "./leftovers.ts";
import { TESTED } from "./runtime.ts";

const APPLETS = "sh cat id ls sleep echo true hostname kill touch env tty".split(" ");

/** A test of a caller starts a server and some twenty containers, each by several programs. */
export const CALLER_TIMEOUT_MS = 180_000;

/** How long what a caller has started may go on after its last command. */
const SETTLE_MS = 10_000;

/** A folder in which a caller keeps all of its state; nothing of it may be left when it is disposed of. */
export class CallerFolder implements AsyncDisposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "teu-caller-"));
  readonly #servers: { readonly process: Bun.Subprocess }[] = [];

  /** A path in it. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** The runtime under test by a name that says what it is. */
  get runtime(): string {
    const path = this.at("teu-runtime");
    if (TESTED.name !== "teu") return Bun.which(TESTED.name) ?? TESTED.name;
    rmSync(path, { force: true });
    symlinkSync(TEU, path);
    return path;
  }

  /** A root file system with busybox in it, as a directory. */
  makeRoot(): string {
    const root = this.at("box");
    for (const name of ["bin", "etc", "tmp", "proc", "sys", "dev"])
      mkdirSync(join(root, name), { recursive: true });
    copyFileSync(Bun.which("busybox") ?? "busybox", join(root, "bin/busybox"));
    for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    return root;
  }

  /** The image `box` as an OCI layout; umoci made it. */
  async makeLayout(): Promise<string> {
    const layout = this.at("layout");
    const image = `${layout}:box`;
    await peer("umoci", "init", "--layout", layout);
    await peer("umoci", "new", "--image", image);
    await peer("umoci", "insert", "--image", image, this.makeRoot(), "/");
    await peer("umoci", "config", "--image", image, "--config.cmd", "sh", "--config.env", "PATH=/bin");
    return layout;
  }

  /** Starts a server; it is ended, by its pid, with the folder. Resolves when `isReady` does. */
  async serve(command: readonly string[], isReady: () => Promise<boolean>): Promise<void> {
    const log = Bun.file(this.at("server.log"));
    const process = Bun.spawn([...command], { cwd: "/", stdin: "ignore", stdout: log, stderr: log });
    this.#servers.push({ process });
    for (const until = Date.now() + 30_000; !(await isReady()); await Bun.sleep(50))
      if (process.exitCode !== null || Date.now() > until)
        throw new Error(`${command[0]} does not serve: ${(await log.text()).slice(-2000)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#servers) {
      process.kill("SIGTERM");
      await process.exited;
    }
    // What a caller starts behind its last container, as conmon starts podman, may still be at it.
    const until = Date.now() + SETTLE_MS;
    while (findLeftovers([this.path]).length > 0 && Date.now() < until) await Bun.sleep(50);
    const left = findLeftovers([this.path]);
    for (const mount of left.filter((line) => line.startsWith("mount: ")))
      Bun.spawnSync(["umount", "-l", mount.split(" ")[5] ?? ""]);
    rmSync(this.path, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind:\n${left.join("\n")}`);
  }
}

/** A caller's command line; every answer is its status and all that it printed. */
export function callBy(
  ...words: readonly string[]
): (...more: readonly string[]) => Promise<{ status: number; output: string }> {
  return async (...more) => {
    const { status, stdout, stderr }: Finished = await run(["timeout", "60", ...words, ...more]);
    return { status, output: `${stdout}${stderr}`.trimEnd() };
  };
}
