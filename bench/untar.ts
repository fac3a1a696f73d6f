/** A tar of 50,000 small files, written below an open directory with no path ever trusted, beside GNU tar: what safety and the disk cost. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryDisk } from "./support/memory-disk.ts";
import { OwnPlaces } from "./support/own-places.ts";
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

/** Into a new folder each time, which `places` gives out. */
function unpackBy(name: string, places: OwnPlaces, command: (target: string) => readonly string[]): Subject {
  return {
    name,
    sample() {
      const target = places.next();
      mkdirSync(target);
      return timeCommand(command(target));
    },
  };
}

/** @param how  What the word of each of ours ends with, and what GNU tar is followed by. */
function subjects(tar: string, program: string, places: OwnPlaces, how: "" | "-sync"): Subject[] {
  const afterTar = how === "" ? "" : ' && sync -f "$1"';
  const once = (word: string) => (target: string) => [program, `${word}${how}`, tar, target];
  return [
    unpackBy("GNU tar", places, (target) => ["sh", "-c", `tar -xf "$0" -C "$1"${afterTar}`, tar, target]),
    unpackBy("teu", places, once("safe")),
    unpackBy("teu, were paths trusted and nothing hashed", places, once("paths")),
  ];
}

export async function benchUntar(): Promise<Section | Skipped> {
  if (process.getuid?.() !== 0) return { title: TITLE, reason: "it needs root" };
  const folder = mkdtempSync(join(tmpdir(), "teu-bench-untar-"));
  const memory = join(folder, "memory");
  using disk = new MemoryDisk(4);
  mkdirSync(memory);
  timeCommand(["mount", "-t", "tmpfs", "-o", "size=3g,nr_inodes=1m", "tmpfs", memory]);
  try {
    const [tar, program] = [makeTar(folder), makeProgram(folder)];
    const tables: Table[] = [];
    for (const [name, how, place, pauseMs] of [
      ["in memory", "", memory, 0],
      ["to a disk, not waited for", "", disk.folder],
      ["to a disk, all of it there at the end", "-sync", disk.folder],
    ] as const) {
      using places = new OwnPlaces(place, pauseMs);
      const sampling = {
        samples: UNPACKS,
        pauseMs: 0,
        isColdCounted: true,
        mostMs: MOST_MS,
        afterRound: () => places.clear(),
      };
      tables.push({ name, rows: await measure(subjects(tar, program, places, how), sampling) });
    }
    return {
      title: TITLE,
      says:
        `${DIRECTORIES * FILES_OF_ONE} files of ${FILE_BYTES} bytes in ${DIRECTORIES} directories, from a tar that is not compressed, into a new folder, owners, modes and times too; \`sync\` before each run. The disk is memory with an ext4: a shared machine's own gives each what the others leave.\n` +
        "teu is `applyLayer()` in a program of its own, compiled as teu is: each name is resolved below an open directory by the kernel, and the archive is hashed. " +
        "Goal: at most 1.0 of GNU tar without waiting for the disk; `sync -f` is what GNU tar is followed by in the last table.",
      unit: "ms",
      tables,
    };
  } finally {
    Bun.spawnSync(["umount", memory]);
    rmSync(folder, { recursive: true, force: true });
  }
}
