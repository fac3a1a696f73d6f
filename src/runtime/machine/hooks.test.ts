/** What is said of hooks of the runtime that cannot be run. What hooks do is tested with real containers in test/integration/runtime. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runHooks } from "./hooks.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-hooks-"));
afterAll(() => rmSync(folder, { recursive: true }));
const state = { ociVersion: "1.3.0", id: "c", status: "creating", bundle: folder } as const;

/** A program whose dynamic linker is a text: execve answers ELIBBAD. */
function withoutLinker(): string {
  const bytes = readFileSync(process.execPath).subarray(0, 1 << 16);
  const at = bytes.indexOf("/lib");
  const linker = join(folder, "ld");
  writeFileSync(linker, "no program\n".repeat(100), { mode: 0o755 });
  const path = join(folder, "hook");
  // The kernel reads all of the name's bytes; it ends at the first NUL.
  bytes.fill(0, at, bytes.indexOf(0, at));
  bytes.write("ld", at);
  writeFileSync(path, bytes, { mode: 0o755 });
  return path;
}

// What broke: an error of execve that our table of names has not was "errno undefined".
test("runHooks() tells every errno of execve", () => {
  const hook = withoutLinker();
  expect(() => runHooks("prestart", [{ path: hook }], state)).toThrow(`fork/exec ${hook}: errno 80`);
});

test("runHooks() says in words why a hook cannot be run", () => {
  const path = join(folder, "script");
  writeFileSync(path, "no interpreter is named");
  expect(() => runHooks("prestart", [{ path }], state)).toThrow(`fork/exec ${path}: permission denied`);
  chmodSync(path, 0o755);
  expect(() => runHooks("prestart", [{ path }], state)).toThrow(`fork/exec ${path}: exec format error`);
});
