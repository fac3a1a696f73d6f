/** An ext4 whose disk is memory: what others write to the machine's disk, and how much of it one is given at a time, do not count. */
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timeCommand } from "./sample.ts";

/** A file system of its own, mounted until it is disposed of. Needs root. */
export class MemoryDisk implements Disposable {
  /** The root of the file system: a short path, since podman takes 50 bytes at most. */
  readonly folder: string;
  readonly #above: string;
  readonly #memory: string;

  /** @param gigabytes  At most; what is not written takes none. */
  constructor(gigabytes: number) {
    this.#above = mkdtempSync(join(tmpdir(), "teu-disk-"));
    this.#memory = join(this.#above, "memory");
    this.folder = join(this.#above, "d");
    mkdirSync(this.#memory);
    mkdirSync(this.folder);
    timeCommand(["mount", "-t", "tmpfs", "-o", `size=${gigabytes}g`, "tmpfs", this.#memory]);
    const image = join(this.#memory, "image");
    writeFileSync(image, "");
    truncateSync(image, gigabytes * 2 ** 30);
    // Its tables are written now, not by a thread of the kernel while something is measured.
    timeCommand(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image]);
    timeCommand(["mount", "-o", "loop", image, this.folder]);
  }

  [Symbol.dispose](): void {
    for (const point of [this.folder, this.#memory]) Bun.spawnSync(["umount", "--lazy", point]);
    rmSync(this.#above, { recursive: true, force: true });
  }
}
