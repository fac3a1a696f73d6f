/** A tar of 50,000 small files, written below an open directory with no path ever trusted, beside GNU tar: what safety and the disk cost. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNPACK_ENVIRONMENT } from "../src/engine/snapshot/worker.ts";
import { MemoryDisk } from "./support/memory-disk.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject, timeCommand } from "./support/sample.ts";

const TITLE = "Many small files";
const DIRECTORIES = 500;
const FILES_OF_ONE = 100;
const FILE_BYTES = 4096;
const UNPACKS = Math.max(1, Math.min(SAMPLES, 10));
const MOST_MS = 40_000;
const PROGRAM = join(import.meta.dir, "untar-once.ts");

/** The archive, made by GNU tar from files that are gone after it. */
function makeTar(folder: string): string {
  const [tree, tar] = [join(folder, "tree"), join(folder, "tar")];
  const bytes = crypto.getRandomValues(new Uint8Array(FILE_BYTES));
  for (let directory = 0; directory < DIRECTORIES; directory++) {
    const path = join(tree, `directory-${directory}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < FILES_OF_ONE; file++) writeFileSync(join(path, `file-${file}`), bytes);
  }
  timeCommand(["tar", "-cf", tar, "-C", tree, "."]);
  rmSync(tree, { recursive: true });
  return tar;
}

/** The program, compiled as teu is. */
function makeProgram(folder: string): string {
  const once = join(folder, "untar-once");
  const flags = ["--compile", "--minify", "--bytecode", "--format=esm"];
  timeCommand([process.execPath, "build", ...flags, PROGRAM, "--outfile", once]);
  return once;
}

/** What is written to: memory as it is, or as a disk with an ext4. */
type Place = "tmpfs" | "ext4";
const GIGABYTES = 3;

/**
 * Into a new file system each time. ext4 does not give an inode again for five minutes after its file was removed, and looks at each of those whenever
 * it makes a file: beside trees that are gone, fifty thousand files take ten times as long, by whatever program.
 */
function unpackBy(name: string, place: Place, command: (target: string) => readonly string[]): Subject {
  return {
    name,
    sample() {
      using disk = place === "ext4" ? new MemoryDisk(GIGABYTES) : mountMemory();
      const target = join(disk.folder, "target");
      mkdirSync(target);
      timeCommand(["sync"]);
      return timeCommand(command(target), { env: UNPACK_ENVIRONMENT });
    },
  };
}

function mountMemory(): { readonly folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-memory-"));
  timeCommand(["mount", "-t", "tmpfs", "-o", `size=${GIGABYTES}g,nr_inodes=1m`, "tmpfs", folder]);
  return {
    folder,
    [Symbol.dispose](): void {
      timeCommand(["umount", folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** @param how  What the word of each of ours ends with, and what GNU tar is followed by. */
function subjects(tar: string, program: string, place: Place, how: "" | "-sync"): Subject[] {
  const afterTar = how === "" ? "" : ' && sync -f "$1"';
  const once = (word: string) => (target: string) => [program, `${word}${how}`, tar, target];
  return [
    unpackBy("GNU tar", place, (target) => ["sh", "-c", `tar -xf "$0" -C "$1"${afterTar}`, tar, target]),
    unpackBy("teu", place, once("safe")),
    unpackBy("teu, were paths trusted and nothing hashed", place, once("paths")),
  ];
}

export async function benchUntar(): Promise<Section | Skipped> {
  if (process.getuid?.() !== 0) return { title: TITLE, reason: "it needs root" };
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-untar-"));
  try {
    const [tar, program] = [makeTar(folder), makeProgram(folder)];
    const tables: Table[] = [];
    for (const [name, how, place] of [
      ["in memory", "", "tmpfs"],
      ["to a disk, not waited for", "", "ext4"],
      ["to a disk, all of it there at the end", "-sync", "ext4"],
    ] as const) {
      const sampling = { samples: UNPACKS, pauseMs: 0, isColdCounted: true, mostMs: MOST_MS };
      tables.push({ name, rows: await measure(subjects(tar, program, place, how), sampling) });
    }
    return {
      title: TITLE,
      says:
        `${DIRECTORIES * FILES_OF_ONE} files of ${FILE_BYTES} bytes in ${DIRECTORIES} directories, from a tar that is not compressed, into a new file system, owners, modes and times too; \`sync\` before each run. The disk is memory with an ext4: a shared machine's own gives each what the others leave.\n` +
        "teu is `applyLayer()` in a program of its own, compiled as teu is and started as teu starts the processes that unpack layers: each name is resolved below an open directory by the kernel, and the archive is hashed. " +
        "Goal: at most 1.0 of GNU tar without waiting for the disk; `sync -f` is what GNU tar is followed by in the last table.",
      unit: "ms",
      tables,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
