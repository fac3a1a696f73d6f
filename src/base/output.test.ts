import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeAll } from "./output.ts";

test("writeAll() writes text as UTF-8, whole", () => {
  const directory = mkdtempSync(join(tmpdir(), "teu-output-"));
  const file = join(directory, "out");
  const text = "a line – with a dash\n".repeat(10_000);
  const descriptor = openSync(file, "w");
  writeAll(descriptor, text);
  closeSync(descriptor);
  expect(readFileSync(file, "utf8")).toBe(text);
  rmSync(directory, { recursive: true });
});

test("writeAll() is complete when a slow reader fills the pipe", async () => {
  const script = `
    const { writeAll } = await import(${JSON.stringify(join(import.meta.dir, "output.ts"))});
    writeAll(1, "x".repeat(3_000_000));
  `;
  const child = Bun.spawn(["sh", "-c", `"$0" -e "$1" | (sleep 0.2; wc -c)`, process.execPath, script], {
    stdout: "pipe",
    stderr: "inherit",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  expect((await child.stdout.text()).trim()).toBe("3000000");
});

test("writeAll() takes a reader that has gone away for no error", async () => {
  const script = `
    const { writeAll } = await import(${JSON.stringify(join(import.meta.dir, "output.ts"))});
    for (let i = 0; i < 100; i++) writeAll(1, "x".repeat(100_000));
    writeAll(2, "done");
  `;
  const child = Bun.spawn(["sh", "-c", `"$0" -e "$1" | true`, process.execPath, script], {
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  expect(await child.stderr.text()).toBe("done");
});
