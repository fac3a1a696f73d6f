import { expect } from "bun:test";
import { closeSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program, root } from "../../test/support/needs.ts";
import { layerFiles } from "../sys/index.ts";
import type { ByteString } from "./byte-string.ts";
import { copyTree } from "./copy-tree.ts";

/** Every entry below `path`, with all that describes it. */
function describeTree(path: string): string {
  const script = `cd ${path} && find . -printf '%P %y %m %U:%G %n %T@ %l %s\\n' | grep -v ' d ' | sort; find . -type d -printf '%P %m %U:%G %T@\\n' | sort; getfattr -R -d -m - . 2>/dev/null; md5sum $(find . -type f | sort)`;
  return Bun.spawnSync(["sh", "-c", script]).stdout.toString();
}

needs(
  root,
  program("getfattr"),
  program("mkfifo"),
)("copyTree() copies all that a tree has but its sockets", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-copy-"));
  try {
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    mkdirSync(join(from, "a/b"), { recursive: true });
    writeFileSync(join(from, "a/b/file"), "content".repeat(400_000));
    linkSync(join(from, "a/b/file"), join(from, "a/again"));
    linkSync(join(from, "a/b/file"), join(from, "first"));
    symlinkSync("../../outside", join(from, "a/link"));
    const script = `cd ${from}; mkfifo a/fifo; mknod a/null c 1 3; chmod 4750 a/b/file; chown 12:34 a/b/file a/b; chown -h 5:6 a/link
      setfattr -n user.x -v y a/b; chmod 1777 a; touch -d @12345.5 a/b a .`;
    expect(Bun.spawnSync(["sh", "-c", script]).stderr.toString()).toBe("");
    const before = describeTree(from);
    using _socket = Bun.listen({ unix: join(from, "socket"), socket: { data: () => undefined } });
    Bun.spawnSync(["touch", "-d", "@12345.5", from]);
    mkdirSync(to);
    const files = layerFiles<ByteString>();
    const [source, target] = [files.openDirectory(from), files.openDirectory(to)];
    expect(copyTree(files, source, target)).toBe(8);
    for (const descriptor of [source, target]) closeSync(descriptor);
    expect(describeTree(to)).toBe(before);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
