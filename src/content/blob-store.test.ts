import { describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "../../test/kits/content/memory-store.ts";
import { blobStoreSuite } from "../../test/kits/content/suite.ts";
import { ContentStore } from "./index.ts";

describe("ContentStore", () => {
  blobStoreSuite(() => {
    const root = mkdtempSync(join(tmpdir(), "teu-blobs-"));
    return {
      open: () => ContentStore.open(root),
      [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
    };
  });
});

// What a disk has must not be what the suite asks for.
describe("blobs in memory", () => {
  blobStoreSuite(() => {
    const store = new MemoryStore();
    return { open: () => store, [Symbol.dispose]: () => undefined };
  });
});
