import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, statSync as nodeStat, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readStartSync,
  readTextSync,
  realpathSync,
  removeSync,
  renameSync,
  statSync,
  writeTextSync,
} from "./files.ts";
import { O } from "./open-flags.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

test("readTextSync() reads text of any length, and files that tell none", () => {
  const text = "\uFEFFa line – with a dash\n".repeat(20_000);
  writeFileSync(at("long"), text);
  expect(readTextSync(at("long"))).toBe(text);
  writeFileSync(at("empty"), "");
  expect(readTextSync(at("empty"))).toBe("");
  expect(readTextSync("/proc/self/mountinfo")).toBe(readFileSync("/proc/self/mountinfo", "utf8"));
});

test("writeTextSync() replaces, or refuses what is there", () => {
  writeTextSync(at("text"), "a longer one");
  writeTextSync(at("text"), "ü", { mode: 0o600 });
  expect(readFileSync(at("text"), "utf8")).toBe("ü");
  const flags = O.WRONLY | O.CREAT | O.EXCL;
  expect(() => writeTextSync(at("text"), "x", { flags })).toThrow(
    `open ${JSON.stringify(at("text"))}: file exists`,
  );
});

test("mkdirSync() makes what is missing above only when asked", () => {
  expect(() => mkdirSync(at("a/b/c"))).toThrow("no such file or directory");
  mkdirSync(at("a/b/c"), { recursive: true, mode: 0o700 });
  mkdirSync(at("a/b/c"), { recursive: true });
  expect(nodeStat(at("a/b")).mode & 0o777).toBe(0o700);
  expect(() => mkdirSync(at("a"))).toThrow("file exists");
  // Its parent is there, and it cannot be made: it was tried until the stack was full.
  expect(() => mkdirSync("/proc/nothing/below", { recursive: true })).toThrow("no such file or directory");
  writeFileSync(at("file"), "");
  expect(() => mkdirSync(at("file"), { recursive: true })).toThrow("file exists");
});

test("removeSync() removes a link and not what it leads to", () => {
  mkdirSync(at("tree/below"), { recursive: true });
  writeFileSync(at("outside"), "stays");
  mkdirSync(at("kept"));
  writeFileSync(at("kept/too"), "stays");
  symlinkSync(at("outside"), at("tree/below/file"));
  symlinkSync(at("kept"), at("tree/directory"));
  removeSync(at("tree"));
  removeSync(at("tree"));
  expect(existsSync(at("tree"))).toBe(false);
  expect([readTextSync(at("outside")), readTextSync(at("kept/too"))]).toEqual(["stays", "stays"]);
});

test("readdirSync() and statSync() say what node:fs says", () => {
  mkdirSync(at("list/directory"), { recursive: true });
  writeFileSync(at("list/file"), "12345");
  symlinkSync("directory", at("list/link"));
  const entries = readdirSync(at("list")).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(entries).toEqual([
    { name: "directory", isDirectory: true },
    { name: "file", isDirectory: false },
    { name: "link", isDirectory: false },
  ]);
  for (const name of ["list/directory", "list/file", "list/link"]) {
    const [ours, theirs] = [statSync(at(name)), nodeStat(at(name))];
    expect(ours).toMatchObject({ inode: theirs.ino, size: theirs.size, uid: theirs.uid });
    expect([ours.isDirectory, ours.isFile]).toEqual([theirs.isDirectory(), theirs.isFile()]);
  }
  expect(() => statSync(at("nothing"))).toThrow(
    `stat ${JSON.stringify(at("nothing"))}: no such file or directory`,
  );
});

test("realpathSync() follows links, renameSync() replaces", () => {
  writeTextSync(at("from"), "x");
  symlinkSync(at("to"), at("alias"));
  renameSync(at("from"), at("to"));
  expect(realpathSync(at("alias"))).toBe(realpathSync(at("to")));
  expect(existsSync(at("from"))).toBe(false);
});

test("writeAllSync() waits for a slow reader of a pipe that does not block, and for nobody who has gone", async () => {
  const write = `
    import { writeAllSync } from ${JSON.stringify(join(import.meta.dir, "files.ts"))};
    import { syscall } from ${JSON.stringify(join(import.meta.dir, "binding.ts"))};
    syscall("fcntl", 1, 4, 0o4000); // F_SETFL, O_NONBLOCK
    writeAllSync(1, "x".repeat(3_000_000));
    writeAllSync(2, "done");
  `;
  const output = async (reader: string): Promise<string[]> => {
    const child = Bun.spawn(["sh", "-c", `"$0" -e "$1" | ${reader}`, process.execPath, write], {
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: process.env["PATH"] ?? "" },
    });
    return Promise.all([child.stdout.text(), child.stderr.text()]);
  };
  expect((await output("(sleep 0.2; wc -c)")).map((text) => text.trim())).toEqual(["3000000", "done"]);
  expect(await output("true")).toEqual(["", "done"]);
});

test("readStartSync() reads from the start and no more than asked", () => {
  writeTextSync(at("start"), "0123456789");
  const descriptor = openSync(at("start"), O.RDONLY);
  expect(new TextDecoder().decode(readStartSync(descriptor, 4))).toBe("0123");
  expect(readStartSync(descriptor, 100)).toHaveLength(10);
  expect(fstatSync(descriptor).size).toBe(10);
  closeSync(descriptor);
});
