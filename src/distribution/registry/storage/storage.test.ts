import { describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blobStoreSuite } from "../../../../test/kits/content/suite.ts";
import { openStorage } from "./storage.ts";

describe("the content of a registry", () => {
  blobStoreSuite(() => {
    const root = mkdtempSync(join(tmpdir(), "teu-storage-"));
    const storage = openStorage(root);
    return {
      open: () => storage.content,
      [Symbol.dispose]() {
        storage[Symbol.dispose]();
        rmSync(root, { recursive: true, force: true });
      },
    };
  });
});
