import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { tendReserve } from "./reserve.ts";

const noRoot = process.getuid?.() !== 0;
if (noRoot) console.log("skipped: a small disk of its own needs root");

test.skipIf(noRoot)("tendReserve() keeps room on a disk until it is full", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-reserve-")) as HostPath;
  const run = (...command: string[]) => expect(Bun.spawnSync(command).exitCode).toBe(0);
  run("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder);
  try {
    tendReserve(folder);
    expect(statSync(join(folder, "reserve")).size).toBe(1 << 20);
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${join(folder, "all")}`, "bs=64k"]);
    expect(statfsSync(folder).bavail).toBe(0);
    tendReserve(folder);
    expect(existsSync(join(folder, "reserve"))).toBe(false);
    writeFileSync(join(folder, "record"), Buffer.alloc(512 << 10));
    rmSync(join(folder, "all"));
    tendReserve(folder);
    expect(existsSync(join(folder, "reserve"))).toBe(true);
  } finally {
    run("umount", folder);
    rmSync(folder, { recursive: true });
  }
});
