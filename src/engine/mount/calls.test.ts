import { expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, root } from "../../../test/support/needs.ts";
import type { HostPath } from "../../base/index.ts";
import { bindTree, isMountPoint, unmountAside } from "./calls.ts";

needs(root)(
  "unmountAside() takes a mount away, also one that is in use, and minds none that is not there",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "teu-mount-")) as HostPath;
    const target = join(folder, "target") as HostPath;
    try {
      await unmountAside(target);
      writeFileSync(target, "a file");
      await unmountAside(target);
      rmSync(target);
      mkdirSync(target);
      await unmountAside(target);
      bindTree("/proc/self" as HostPath, target);
      expect(isMountPoint(target)).toBe(true);
      await unmountAside(target);
      expect(isMountPoint(target)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
