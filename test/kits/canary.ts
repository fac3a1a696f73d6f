/**
 * K3: a tree of the host's with everything in it that an escape touches, and the host's own settings: looked at before an
 * attack and after it. What other tests do on this machine at the same time does not show.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a container of an attacker would rewrite. */
const SETTINGS = ["core_pattern", "modprobe", "sysrq", "hostname", "kptr_restrict"]
  .map((name) => `/proc/sys/kernel/${name}`)
  .filter((path) => existsSync(path));
/** Places of the host over which nothing may be mounted. */
const SYSTEM = /^\/($|dev|proc|sys|etc|bin|usr|lib|boot|root)/;
/** The names that runtimes make, open or remove in a /dev, /proc or /etc. */
const FILES = ["secret", "null", "console", "ptmx", "passwd", "core_pattern", "tty", "0"];
const OWNER = 4321;

/** A tree at `path`, gone when it is disposed of. */
export class Canary implements Disposable {
  readonly path: string;
  /** Text of a file that no container may read. */
  readonly secret: string;
  readonly #before: ReadonlyMap<string, string>;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), "teu-canary-"));
    this.secret = `secret of ${this.path}`;
    for (const folder of ["", "pts", "fs/cgroup", "empty"]) {
      const at = join(this.path, folder);
      mkdirSync(at, { recursive: true });
      for (const name of folder === "empty" ? [] : FILES) {
        writeFileSync(join(at, name), this.secret);
        chownSync(join(at, name), OWNER, OWNER);
        chmodSync(join(at, name), 0o640);
      }
      chmodSync(at, 0o751);
    }
    symlinkSync("secret", join(this.path, "link"));
    this.#before = this.#look();
  }

  /** What is not as it was, a line each: nothing, if the attack failed. */
  differences(): string[] {
    const after = this.#look();
    const names = new Set([...this.#before.keys(), ...after.keys()]);
    return [...names]
      .filter((name) => this.#before.get(name) !== after.get(name))
      .map(
        (name) => `${name}: was ${this.#before.get(name) ?? "not there"}, is ${after.get(name) ?? "gone"}`,
      );
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #look(): Map<string, string> {
    const seen = new Map<string, string>();
    for (const path of pathsBelow(this.path)) seen.set(path, lookAt(path));
    for (const path of SETTINGS) seen.set(path, readFileSync(path, "utf8").trim());
    for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
      const place = line.split(" ")[4] ?? "";
      const isOurs = place.startsWith(this.path) || SYSTEM.test(place) || line.includes(this.path);
      // The engine's own mounts and those of other tests come and go below these.
      if (isOurs && !/^\/(sys\/fs\/(cgroup|bpf)|dev\/(shm|loop))/.test(place))
        seen.set(`mount ${line}`, "there");
    }
    return seen;
  }
}

/** `path` and all that is in it; links are not followed. */
function pathsBelow(path: string): string[] {
  if (!lstatSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path).flatMap((name) => pathsBelow(join(path, name)))];
}

function lookAt(path: string): string {
  const { mode, uid, gid, size, nlink } = lstatSync(path);
  const type = mode & 0o170000;
  const content =
    type === 0o100000
      ? createHash("sha256").update(readFileSync(path)).digest("hex")
      : type === 0o120000
        ? readlinkSync(path)
        : "";
  return `mode ${mode.toString(8)}, owner ${uid}:${gid}, ${nlink} links, ${type === 0o40000 ? "" : `${size} bytes `}${content}`;
}
