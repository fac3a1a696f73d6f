/**
 * Passwords from a file of `htpasswd -B`: a name, a colon, a bcrypt hash per line. The file is read again when it changes.
 * A hash takes some fifty milliseconds of a processor on purpose: what was right is remembered for a minute, few are
 * checked at once, and a name that does not exist takes as long as one that does.
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { TeuError } from "../../../base/index.ts";
import { Refusal } from "../refusal.ts";
import { WatchedFile } from "./watched-file.ts";

/** A line of the file cannot be used. */
export class InvalidHtpasswd extends TeuError<"invalid-htpasswd", { path: string; line: number }> {
  constructor(context: { path: string; line: number }) {
    super(
      "invalid-htpasswd",
      "invalid",
      context,
      `Cannot read ${JSON.stringify(context.path)}: line ${context.line} is not a name and a bcrypt hash`,
      { hint: "htpasswd -B makes such lines" },
    );
  }
}

const LINE = /^([^:\s]{1,255}):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/;
/** bcrypt reads no further, and Bun would then hash in another way than other programs. */
const MAX_PASSWORD_BYTES = 72;
const REMEMBER_MS = 60_000;
const MAX_REMEMBERED = 10_000;
const MAX_RUNNING = 2;
const MAX_WAITING = 64;

interface Passwords {
  readonly hashes: ReadonlyMap<string, string>;
  /** Of a random password, with the cost that the file's hashes have. */
  readonly nobody: string;
}

/** One file. */
export class Htpasswd {
  readonly #file: WatchedFile<Passwords>;
  readonly #now: () => number;
  readonly #secret = randomBytes(32);
  readonly #remembered = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  private constructor(path: string, now: () => number) {
    this.#now = now;
    this.#file = new WatchedFile(path, parse, now);
  }

  /** Reads the file. @throws {InvalidHtpasswd} */
  static async open(path: string, now: () => number = Date.now): Promise<Htpasswd> {
    const htpasswd = new Htpasswd(path, now);
    await htpasswd.#file.read();
    return htpasswd;
  }

  /** Changes when the password of `name` does, and says nothing of it; undefined: there is no such name. */
  async fingerprint(name: string): Promise<string | undefined> {
    const hash = (await this.#file.read()).hashes.get(name);
    // Whoever has it cannot try passwords: the salt, of 128 bits, is in what is hashed.
    return hash && createHash("sha256").update(hash).digest("base64url").slice(0, 22);
  }

  /** Whether `name` has this password. @throws {Refusal} TOOMANYREQUESTS */
  async verify(name: string, password: string): Promise<boolean> {
    const { hashes, nobody } = await this.#file.read();
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return false;
    const hash = hashes.get(name);
    // The hash is part of what is remembered: with another one in the file the password is checked again.
    const key = createHmac("sha256", this.#secret).update(`${hash}\0${name}\0${password}`).digest("base64");
    if (hash !== undefined && (this.#remembered.get(key) ?? 0) > this.#now()) return true;
    const isRight = await this.#bounded(() => Bun.password.verify(password, hash ?? nobody));
    if (!isRight || hash === undefined) return false;
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(key, this.#now() + REMEMBER_MS);
    return true;
  }

  async #bounded<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING)
        throw new Refusal("TOOMANYREQUESTS", {
          message: "too many passwords to check",
          headers: { "retry-after": "1" },
        });
      // Whoever ends hands its place on.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

async function parse(text: string, path: string): Promise<Passwords> {
  const hashes = new Map<string, string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name, hash] = LINE.exec(line.trimEnd()) ?? [];
    if (name === undefined || hash === undefined) throw new InvalidHtpasswd({ path, line: index + 1 });
    hashes.set(name, hash);
  }
  const cost = Number([...hashes.values()][0]?.slice(4, 6) ?? 10);
  const password = randomBytes(18).toString("base64");
  return { hashes, nobody: await Bun.password.hash(password, { algorithm: "bcrypt", cost }) };
}
