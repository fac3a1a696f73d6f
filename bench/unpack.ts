/** Unpacking a Debian image (one gzip layer, some 6,800 files) beside `umoci unpack`. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyBySkopeo, imagesFolder } from "../test/integration/support/images.ts";
import { Store, startRegistry } from "../test/integration/support/registry.ts";
import { TEU } from "../test/integration/teu.ts";
import type { Section, Skipped } from "./support/report.ts";
import { measure, SAMPLES, type Subject, timeCommand } from "./support/sample.ts";

/** So many trees lie on the disk before they are removed. */
const BATCH = 10;
/** ext4 gives no inode again for five seconds after its file was removed, and looks at each of them meanwhile. */
const EXT4_FORGETS_MS = 6000;

/** Unpacks into a new folder each time; what is not yet on the disk is written before the clock starts. */
function unpackBy(
  name: string,
  folder: string,
  command: (target: string) => readonly string[],
  env: Readonly<Record<string, string>>,
): Subject {
  let count = 0;
  return {
    name,
    sample() {
      timeCommand(["sync"]);
      return timeCommand(command(join(folder, `${name}-${++count}`)), { env });
    },
  };
}

export async function benchUnpack(): Promise<Section | Skipped> {
  const title = "Unpacking";
  if (process.getuid?.() !== 0) return { title, reason: "it needs root" };
  const layout = `${imagesFolder()}/debian:base`;
  await using registry = await startRegistry();
  await using store = new Store();
  const image = `${registry.address}/debian:base`;
  await copyBySkopeo(`oci:${layout}`, `docker://${image}`, "--preserve-digests");
  await store.done("pull", image);

  const folder = mkdtempSync(join(tmpdir(), "teu-bench-"));
  try {
    const subjects = [
      unpackBy("umoci", folder, (target) => ["umoci", "unpack", "--image", layout, target], {}),
      unpackBy("teu", folder, (target) => [TEU, "unpack", image, target], store.env),
    ];
    const rows = await measure(subjects, {
      samples: SAMPLES,
      pauseMs: 0,
      async afterRound(round) {
        if (round % BATCH !== BATCH - 1) return;
        for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
        await Bun.sleep(EXT4_FORGETS_MS);
      },
    });
    return {
      title,
      says:
        "A Debian root file system by debootstrap, packed by umoci: one gzip layer into a bundle on disk, `sync` before each run.\n" +
        "teu checks the digests and forces the tree to disk before it says so; umoci does neither. Goal: at most 1.0 of umoci.",
      unit: "ms",
      tables: [{ name: "unpack to a bundle", rows }],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
