/** A store of a plain user's, who is made by number alone (see rootless.ts), and what of their home has to go after it. */
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, type Owner } from "../../../src/base/index.ts";
import { type Finished, run, TEU } from "../teu.ts";
import { findLeftovers } from "./leftovers.ts";
import { ALONE, UID, withRanges } from "./rootless.ts";
import type { UserSystemd } from "./user-systemd.ts";

/** A store of the user's. */
export class HomeStore implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "teu-home-"));
  readonly env: Readonly<Record<string, string>>;
  readonly #prefix: readonly string[];
  /** What the user's /etc has, by its name there. */
  readonly #files: string;

  /**
   * @param hasRanges  Whether the user has ranges of ids in /etc/subuid and /etc/subgid.
   * @param hidden  Programs that are not there for the user.
   * @param where  Words that enter another network namespace.
   * @param tunMode  Who may open /dev/net/tun.
   * @param below  The user's own systemd, below which each call is made.
   */
  constructor({
    hasRanges = true,
    hidden = [],
    below,
    where = [],
    tunMode = 0o666,
  }: {
    hasRanges?: boolean;
    hidden?: readonly string[];
    below?: UserSystemd;
    where?: readonly string[];
    tunMode?: number;
  } = {}) {
    this.env = {
      TEU_ROOT: join(this.folder, "root"),
      TEU_RUN: join(this.folder, "run"),
      HOME: this.folder,
      ...(below && { XDG_RUNTIME_DIR: below.runtime }),
    };
    chownSync(this.folder, UID, UID);
    const files = mkdtempSync(join(this.folder, "etc-"));
    this.#files = files;
    const prefix = withRanges(files);
    if (!hasRanges) for (const name of ["subuid", "subgid"]) writeFileSync(join(files, name), "");
    // The device that every machine lets its users open, but for this one, perhaps.
    const tun = `mknod -m ${tunMode.toString(8)} ${files}/tun.$$ c 10 200 && mount --bind ${files}/tun.$$ /dev/net/tun`;
    const hide = hidden.map((name) => `mount --bind ${files}/nothing ${Bun.which(name)}`);
    writeFileSync(join(files, "nothing"), "");
    const mounts = [tun, ...hide].join(" && ");
    const own = prefix.map((word) => (word.includes("mount --bind") ? `${mounts} && ${word}` : word));
    this.#prefix = [...where, ...(below?.enter ?? []), ...own];
  }

  /** Gives the user the ranges that others have. */
  giveRanges(): void {
    withRanges(this.#files);
  }

  /** Runs `teu` as the user. */
  teu(...words: readonly string[]): Promise<Finished> {
    return run([...this.#prefix, TEU, ...words], { env: { ...this.env } });
  }

  /** Runs `teu`, which must succeed; returns its output. */
  async done(...words: readonly string[]): Promise<string> {
    const result = await this.teu(...words);
    if (result.status !== 0)
      throw new Error(`teu ${words.join(" ")}: status ${result.status}: ${result.stderr}`);
    return result.stdout;
  }

  /** The process that `file` of the run folder tells of, if it runs. */
  processOf(file: "home.json" | "uplink.json"): Owner | undefined {
    const path = join(this.folder, "run", file);
    if (!existsSync(path)) return undefined;
    const { keeper, owner } = JSON.parse(readFileSync(path, "utf8"));
    return isAlive(keeper ?? owner) ? (keeper ?? owner) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = existsSync(join(this.folder, "root/teu.db")) ? await this.#all() : [];
    if (left.length > 0) await this.done("rm", "-f", ...left);
    const keeper = this.processOf("home.json");
    if (keeper !== undefined) process.kill(keeper.pid, "SIGKILL");
    const leftovers = findLeftovers([this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
    if (leftovers.length > 0) throw new Error(`teu left behind in ${this.folder}:\n${leftovers.join("\n")}`);
  }

  async #all(): Promise<string[]> {
    const ids = (await this.done("ps", "-aq")).trim();
    return ids === "" ? [] : ids.split("\n");
  }
}

/** Runs a program as another plain user. */
export function asOther(...words: readonly string[]): Promise<Finished> {
  return run(ALONE.map((word) => word.replace(`${UID}`, `${UID + 1}`)).concat(words));
}
