import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HostPath, hasCode } from "../../base/index.ts";
import { unmount } from "../mount/calls.ts";
import { mountByShortNames, mountOverlay, type Overlay, openMerged } from "./overlay.ts";

const root = process.getuid?.() === 0;
if (!root) console.log("skipped: overlay mounts need root");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "teu-overlay-"));
});
afterEach(() => {
  unmount(join(folder, "target") as HostPath);
  rmSync(folder, { recursive: true, force: true });
});

function directory(...parts: string[]): HostPath {
  const path = join(folder, ...parts);
  mkdirSync(path, { recursive: true });
  return path as HostPath;
}

function upperOf({ writable }: Overlay): HostPath {
  return writable?.upper ?? ("/no/upper" as HostPath);
}

/** `count` layers, each with a file named after it; the last one made is on top. */
function overlayOf(count: number): Overlay {
  const lower = Array.from({ length: count }, (_, number) => {
    const layer = directory("snapshots", `${number + 1}`, "fs");
    writeFileSync(join(layer, `file-${number}`), `${number}`);
    writeFileSync(join(layer, "shared"), `${number}`);
    return layer;
  });
  return {
    base: directory("snapshots"),
    lower: lower.reverse(),
    writable: {
      upper: directory("snapshots", "active", "fs"),
      work: directory("snapshots", "active", "work"),
    },
    target: directory("target"),
  };
}

const ways = [mountOverlay, mountByShortNames].flatMap((mount) =>
  [1, 2, 127].map((count) => ({ name: mount.name, mount, count })),
);
test.skipIf(!root).each(ways)("$name() stacks $count layers, the top one wins", ({ mount, count }) => {
  const overlay = overlayOf(count);
  mount(overlay);
  expect(readdirSync(overlay.target)).toHaveLength(count + 1);
  expect(readFileSync(join(overlay.target, "shared"), "utf8")).toBe(`${count - 1}`);
  writeFileSync(join(overlay.target, "written"), "");
  expect(readdirSync(upperOf(overlay))).toEqual(["written"]);
});

test.skipIf(!root)("mountOverlay() gives an image without layers its writable directory alone", () => {
  const overlay = overlayOf(0);
  mountOverlay(overlay);
  writeFileSync(join(overlay.target, "written"), "");
  expect(readdirSync(upperOf(overlay))).toEqual(["written"]);
});

const passing = [mountOverlay, mountByShortNames].map((mount) => ({ name: mount.name, mount }));
test.skipIf(!root).each(passing)(
  "$name() has nothing synced that is to be lost, time and again",
  ({ mount }) => {
    const overlay = overlayOf(2);
    const { upper, work } = overlay.writable ?? { upper: folder as HostPath, work: folder as HostPath };
    for (const name of ["first", "second"]) {
      // The mark of the one before is in the way.
      mount === mountOverlay || rmSync(join(work, "work/incompat"), { recursive: true, force: true });
      mount({ ...overlay, writable: { upper, work, isPassing: true } });
      expect(readFileSync("/proc/self/mountinfo", "utf8")).toMatch(
        new RegExp(`^.* ${overlay.target} .*overlay.*[,=]volatile`, "m"),
      );
      writeFileSync(join(overlay.target, name), "");
      unmount(overlay.target);
    }
    expect(readdirSync(upper).sort()).toEqual(["first", "second"]);
  },
);

test.skipIf(!root)("mountOverlay() says what the kernel has against it", () => {
  const overlay = overlayOf(1);
  let caught: unknown;
  try {
    const work = join(folder, "snapshots/active/work") as HostPath;
    mountOverlay({ ...overlay, writable: { upper: join(folder, "missing") as HostPath, work } });
  } catch (error) {
    caught = error;
  }
  expect(hasCode(caught, "mount-failed")).toBe(true);
  expect(readdirSync(overlay.target)).toEqual([]);
});

test.skipIf(!root).each([1, 3])("openMerged() shows %d layers as one tree, and no mount stays", (count) => {
  const { base, lower, target } = overlayOf(count);
  const [top, ...rest] = lower;
  if (top === undefined) throw new Error("no layers");
  {
    using merged = openMerged(base, [top, ...rest], target);
    expect(readdirSync(merged.path)).toHaveLength(count + 1);
    expect(readFileSync(join(merged.path, "shared"), "utf8")).toBe(`${count - 1}`);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
  }
  expect(readdirSync(target)).toEqual([]);
});

test.skipIf(!root)("unmount() is harmless where nothing is mounted, and where nothing is", () => {
  unmount(directory("target"));
  unmount(join(folder, "nowhere") as HostPath);
});
