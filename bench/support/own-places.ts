/** Folders that samples of moving images fill: several hundred megabytes each, so they go after every round. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEU } from "../../test/integration/teu.ts";
import { timeCommand } from "./sample.ts";

/** ext4 gives no inode again for five seconds after its file was removed, and looks at each of them meanwhile. */
const EXT4_FORGETS_MS = 6000;

/** A folder with a new place for each sample; it is gone when disposed of. */
export class OwnPlaces implements Disposable {
  readonly #folder: string;
  readonly #restMs: number;
  #count = 0;

  /** @param above  Where; on ext4, unless `restMs` is 0. */
  constructor(above: string = tmpdir(), restMs: number = EXT4_FORGETS_MS) {
    this.#folder = mkdtempSync(join(above, "teu-places-"));
    this.#restMs = restMs;
  }

  /** A folder that is not there yet, when all that was written before is on the disk. */
  next(): string {
    timeCommand(["sync"]);
    this.#count += 1;
    return join(this.#folder, `${this.#count}`);
  }

  /** Removes them all, and lets the file system forget them. */
  async clear(): Promise<void> {
    this[Symbol.dispose]();
    mkdirSync(this.#folder);
    await Bun.sleep(this.#restMs);
  }

  [Symbol.dispose](): void {
    const points = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "")
      .filter((point) => point.startsWith(`${this.#folder}/`));
    // podman leaves some.
    for (const point of points.reverse()) Bun.spawnSync(["umount", "--lazy", point]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs teu on a new store in `place`. @returns milliseconds */
export function timeTeu(place: string, ...words: readonly string[]): number {
  return timeCommand([TEU, ...words], {
    env: { TEU_ROOT: join(place, "root"), TEU_RUN: join(place, "run") },
  });
}
