/**
 * What a power cut leaves of a directory, by simulation. strace records every system call of a script that changes names or content below the
 * directory; the model replays them up to any moment, and drops of what no fsync had made durable by then whatever the dice say.
 *
 * The model is stricter than most file systems: bytes are durable after a sync of their file, a name after a sync of its directory (POSIX
 * promises no more), and of what is not durable any part may be there without the rest. A rename is there whole or not at all.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

type Inode = {
  readonly kind: "file" | "directory" | "link";
  readonly mode: number;
  readonly target: string;
  /** Where `write` goes on. */
  position: number;
  size: number;
};
type Change =
  | { readonly kind: "write"; readonly inode: Inode; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly inode: Inode; readonly size: number }
  | { readonly kind: "names"; readonly set: readonly [Inode, string, Inode | undefined][] };
type Event = Change | { readonly kind: "sync"; readonly inode: Inode | undefined };

/** The calls that are recorded. What is among them and not in the model stops the test. */
const CALLS =
  "%file,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,syncfs,sync,copy_file_range,sendfile,splice,sync_file_range";
/** Calls that leave names and content alone; what they change of attributes is not modelled. */
const HARMLESS =
  /^(access|faccessat2?|stat|lstat|newfstatat|statx|statfs|readlink|readlinkat|execve|chdir|getcwd|chmod|fchmodat2?|l?chown|fchownat|utime|utimes|utimensat|futimesat|l?(get|set|list|remove)xattr|name_to_handle_at|mount|umount2|pivot_root|chroot|move_mount|open_tree|fspick|fsopen|fsconfig|fsmount|mount_setattr|inotify_add_watch|fanotify_mark|quotactl|sync_file_range|swapon|swapoff|acct|uselib)$/;

const unhex = (text: string): Buffer =>
  Buffer.from(
    text.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );

/** Runs `command` under strace, whole writes recorded in `trace`. @returns its exit status, when all its children have ended too */
export async function record(
  command: readonly string[],
  trace: string,
  env: Record<string, string>,
): Promise<number> {
  const words = [
    "--seccomp-bpf",
    "-f",
    "-y",
    "-xx",
    "-s",
    `${64 << 20}`,
    "-o",
    trace,
    "-e",
    `trace=${CALLS}`,
  ];
  const child = Bun.spawn(["strace", ...words, ...command], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return await child.exited;
}

/** One completed call: its name, its text, what it returned. Calls come in the order in which they ended. */
function* calls(text: string): Generator<{ name: string; words: string; result: number }> {
  const begun = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(pid, rest.slice(0, -"<unfinished ...>".length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)?.[0];
    const whole = resumed === undefined ? rest : (begun.get(pid) ?? "") + rest.slice(resumed.length);
    const end = whole.lastIndexOf(" = ");
    const open = whole.indexOf("(");
    if (open < 0 || end < 0) continue;
    const result = Number.parseInt(whole.slice(end + 3), 10);
    if (result >= 0)
      yield {
        name: whole.slice(0, open),
        words: whole.slice(open + 1, end).replace(/\s*\)\s*$/, ""),
        result,
      };
  }
}

/** A recorded history of `root`, whose parent is taken to be durable. */
export class History {
  readonly events: Event[] = [];
  readonly #root: string;
  readonly #top: Inode = { kind: "directory", mode: 0o700, target: "", position: 0, size: 0 };
  /** The tree as programs see it. */
  readonly #names = new Map<Inode, Map<string, Inode>>([[this.#top, new Map()]]);

  constructor(root: string, trace: string) {
    this.#root = root;
    for (const call of calls(readFileSync(trace, "latin1"))) this.#take(call.name, call.words, call.result);
  }

  /** How many events lie before the first write to the file `path` that ends in `text`. */
  momentOf(path: string, text: string): number {
    const inode = this.#find(path);
    const index = this.events.findIndex(
      (event) =>
        event.kind === "write" && event.inode === inode && Buffer.from(event.bytes).toString().endsWith(text),
    );
    if (index < 0) throw new Error(`nothing wrote ${JSON.stringify(text)} to ${path}`);
    return index;
  }

  /**
   * Makes `root`, which must not be there, as a power cut after `moment` events leaves it.
   * @param keeps  Asked for each change that is not durable.
   */
  leave(moment: number, keeps: () => boolean, root: string = this.#root): void {
    const synced = new Map<Inode | undefined, number>();
    for (const [index, event] of this.events.slice(0, moment).entries())
      if (event.kind === "sync") synced.set(event.inode, index);
    const isDurable = (index: number, inode: Inode): boolean =>
      Math.max(synced.get(inode) ?? -1, synced.get(undefined) ?? -1) > index;
    const names = new Map<Inode, Map<string, Inode>>([[this.#top, new Map()]]);
    const content = new Map<Inode, Buffer>();
    for (const [index, event] of this.events.slice(0, moment).entries()) {
      if (event.kind === "sync") continue;
      const inodes = event.kind === "names" ? event.set.map(([directory]) => directory) : [event.inode];
      if (!inodes.some((inode) => isDurable(index, inode)) && !keeps()) continue;
      if (event.kind === "names")
        for (const [directory, name, inode] of event.set) {
          const held = names.get(directory) ?? new Map<string, Inode>();
          names.set(directory, held);
          if (inode === undefined) held.delete(name);
          else held.set(name, inode);
        }
      else content.set(event.inode, changed(content.get(event.inode) ?? Buffer.alloc(0), event));
    }
    const make = (path: string, inode: Inode): void => {
      if (inode.kind === "link") symlinkSync(inode.target, path);
      else if (inode.kind === "file")
        writeFileSync(path, content.get(inode) ?? Buffer.alloc(0), { mode: inode.mode });
      else {
        mkdirSync(path, { mode: inode.mode });
        for (const [name, child] of names.get(inode) ?? []) make(join(path, name), child);
      }
    };
    for (const [name, inode] of names.get(this.#top) ?? []) make(join(dirname(root), name), inode);
  }

  #take(name: string, words: string, result: number): void {
    const [first = "", second = ""] = this.#pathsIn(words);
    switch (name) {
      case "open":
      case "creat":
      case "openat":
      case "openat2":
        this.#open(first, words);
        break;
      case "mkdir":
      case "mkdirat":
        this.#make(first, "directory", modeIn(words, 0o777));
        break;
      case "mknod":
      case "mknodat":
        this.#make(first, "file", 0o600);
        break;
      case "symlink":
      case "symlinkat": {
        const strings = [...words.matchAll(/"([^"]*)"/g)].map((match) => unhex(match[1] ?? "").toString());
        this.#make(this.#pathsIn(words).at(-1) ?? "", "link", 0o777, strings[0]);
        break;
      }
      case "link":
      case "linkat": {
        const inode = this.#find(first);
        if (inode !== undefined) this.#setNames([[second, inode]]);
        break;
      }
      case "rename":
      case "renameat":
      case "renameat2": {
        if (words.includes("RENAME_EXCHANGE")) throw new Error("the model knows no exchange of names");
        const inode = this.#find(first);
        if (inode !== undefined)
          this.#setNames([
            [first, undefined],
            [second, inode],
          ]);
        break;
      }
      case "unlink":
      case "unlinkat":
      case "rmdir":
        if (this.#find(first) !== undefined) this.#setNames([[first, undefined]]);
        break;
      case "truncate":
      case "ftruncate": {
        const size = Number(/, (\d+)$/.exec(words)?.[1]);
        const inode = this.#find(name === "truncate" ? first : descriptorPath(words));
        if (inode !== undefined) this.#truncate(inode, size);
        break;
      }
      case "write":
      case "writev":
      case "pwrite64":
        this.#write(name, words, result);
        break;
      case "fsync":
      case "fdatasync": {
        const inode = this.#find(descriptorPath(words));
        if (inode !== undefined) this.events.push({ kind: "sync", inode });
        break;
      }
      case "sync":
      case "syncfs":
        this.events.push({ kind: "sync", inode: undefined });
        break;
      default:
        if (!HARMLESS.test(name) && unhex(words).includes(this.#root))
          throw new Error(`the model does not know ${name}(${words.slice(0, 200)}`);
    }
  }

  #open(path: string, words: string): void {
    if (!this.#isOurs(path)) return;
    if (words.includes("O_TMPFILE")) throw new Error("the model knows no files without names");
    const before = this.#find(path);
    if (before === undefined) {
      if (words.includes("O_CREAT")) this.#make(path, "file", modeIn(words, 0o600));
      return;
    }
    if (before.kind !== "file" || !/O_WRONLY|O_RDWR/.test(words)) return;
    if (words.includes("O_TRUNC") && before.size > 0) this.#truncate(before, 0);
    before.position = words.includes("O_APPEND") ? before.size : 0;
  }

  #write(name: string, words: string, result: number): void {
    const inode = this.#find(descriptorPath(words));
    if (inode === undefined || inode.kind !== "file") return;
    const strings = [...words.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => unhex(match[1] ?? ""));
    const bytes = Buffer.concat(strings).subarray(0, result);
    if (bytes.length !== result) throw new Error(`${name} was not recorded whole: ${words.slice(0, 200)}`);
    const at = name === "pwrite64" ? Number(/, (\d+)$/.exec(words)?.[1]) : inode.position;
    if (name !== "pwrite64") inode.position += result;
    inode.size = Math.max(inode.size, at + result);
    this.events.push({ kind: "write", inode, at, bytes });
  }

  #truncate(inode: Inode, size: number): void {
    inode.size = size;
    this.events.push({ kind: "truncate", inode, size });
  }

  #make(path: string, kind: Inode["kind"], mode: number, target = ""): void {
    this.#setNames([[path, { kind, mode, target, position: 0, size: 0 }]]);
  }

  /** One change of names; those elsewhere are none of ours. */
  #setNames(changes: readonly (readonly [string, Inode | undefined])[]): void {
    const set: [Inode, string, Inode | undefined][] = [];
    for (const [path, inode] of changes) {
      const directory = this.#isOurs(path) ? this.#find(dirname(path)) : undefined;
      if (directory === undefined) continue;
      const name = path.slice(path.lastIndexOf("/") + 1);
      const held = this.#names.get(directory) ?? new Map<string, Inode>();
      this.#names.set(directory, held);
      if (inode === undefined) held.delete(name);
      else held.set(name, inode);
      set.push([directory, name, inode]);
    }
    if (set.length > 0) this.events.push({ kind: "names", set });
  }

  #isOurs(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`);
  }

  #find(path: string): Inode | undefined {
    if (path === dirname(this.#root)) return this.#top;
    if (!this.#isOurs(path)) return undefined;
    let inode: Inode | undefined = this.#top;
    for (const name of path.slice(dirname(this.#root).length + 1).split("/"))
      inode = inode && this.#names.get(inode)?.get(name);
    return inode;
  }

  /** The paths that a call names, made absolute. */
  #pathsIn(words: string): string[] {
    return [...words.matchAll(/(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => {
      const path = unhex(match[2] ?? "").toString();
      return normalize(path.startsWith("/") ? path : join(unhex(match[1] ?? "/").toString(), path));
    });
  }
}

function changed(before: Buffer, event: Exclude<Change, { kind: "names" }>): Buffer {
  if (event.kind === "truncate") {
    const after = Buffer.alloc(event.size);
    before.copy(after);
    return after;
  }
  const end = event.at + event.bytes.length;
  const after = before.length >= end ? before : Buffer.alloc(end);
  if (after !== before) before.copy(after);
  after.set(event.bytes, event.at);
  return after;
}

function descriptorPath(words: string): string {
  return unhex(/^\d+<([^>]*)>/.exec(words)?.[1] ?? "").toString();
}

function modeIn(words: string, otherwise: number): number {
  const text = /, (0[0-7]+)$/.exec(words)?.[1];
  return text === undefined ? otherwise : Number.parseInt(text, 8);
}

/** Every file below `root` with what it holds, by path. */
export function filesBelow(root: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const entry of readdirSync(root, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      found.set(path.slice(root.length + 1), readFileSync(path));
    }
  return found;
}
