/** A directory for layers, and one beside it to which nothing may happen. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface LayerTarget extends Disposable {
  /** Where both are. */
  readonly folder: string;
  readonly target: string;
  /** Its mode is 700; `file` in it, of mode 600, holds `untouched`. */
  readonly canary: string;
}

/** Makes them; disposing removes them. */
export function makeLayerTarget(): LayerTarget {
  const folder = mkdtempSync(join(tmpdir(), "teu-layer-"));
  const [target, canary] = [join(folder, "target"), join(folder, "canary")];
  mkdirSync(target);
  mkdirSync(canary, { mode: 0o700 });
  writeFileSync(join(canary, "file"), "untouched", { mode: 0o600 });
  return { folder, target, canary, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
