/**
 * Signatures by OpenPGP keys, judged by the program gpg: with a home of its own that holds the keys of one requirement and nothing else, so that whoever signed
 * well is somebody whom the requirement names. It starts no agent, asks no key server, and what it writes is bounded.
 * Source: GnuPG doc/DETAILS, Format of the --status-fd output; containers/image docs/containers-signature.5.md.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Unsupported } from "../base/index.ts";
import { InvalidKey } from "./errors.ts";

/** A file or a text of the policy, and what it is called. */
export interface KeySource {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What somebody signed, and the fingerprint of the key with which. */
export interface SignedMessage {
  readonly payload: Uint8Array;
  readonly fingerprint: string;
}

const FLAGS = [
  "--batch",
  "--no-tty",
  "--no-options",
  "--no-autostart",
  "--disable-dirmngr",
  "--no-auto-key-retrieve",
  "--no-auto-check-trustdb",
  // The policy says who is trusted.
  ...["--trust-model", "always"],
  ...["--status-fd", "3"],
];
/** Not one of the project's, so it may be missing. */
const PROGRAM = "gpg";
const PATIENCE_MS = 30_000;
/** A payload has some 300 bytes; a message may be packed, and unpack to any length. */
const MAX_OUTPUT_BYTES = 256 << 10;
/** What speaks against a signature, and what a message that is more than a signed one says; the most telling first. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["EXPSIG", "one has expired"],
  ["EXPKEYSIG", "one is of a key that has expired"],
  ["REVKEYSIG", "one is of a key that was revoked"],
  ["NO_PUBKEY", "one is of another key"],
  ["ERRSIG", "one cannot be checked"],
  ["BADSIG", "one is not the key's"],
  ["BEGIN_DECRYPTION", "one is encrypted"],
  ["NODATA", "one is no OpenPGP message"],
]);

/** The keys of one requirement. */
export class Keyring implements AsyncDisposable {
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
  }

  /** Takes in `keys`, public ones, armoured or not. @throws {InvalidKey} one holds none @throws {Unsupported} gpg is not here */
  static async open(keys: readonly KeySource[], signal?: AbortSignal): Promise<Keyring> {
    const keyring = new Keyring(await mkdtemp(join(tmpdir(), "teu-gpg-")));
    try {
      for (const { name, bytes } of keys) {
        const { status } = await keyring.#run(["--import"], bytes, signal);
        if (!status.some(([word]) => word === "IMPORT_OK"))
          throw new InvalidKey({ name, reason: "it holds no public key of OpenPGP" });
      }
      return keyring;
    } catch (error) {
      await keyring[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Takes a signed message apart. @throws {RangeError} why it does not count */
  async verify(message: Uint8Array, signal?: AbortSignal): Promise<SignedMessage> {
    const { code, status, output } = await this.#run(["--decrypt"], message, signal);
    for (const [word, why] of REFUSALS) if (status.some(([said]) => said === word)) throw new RangeError(why);
    const only = (wanted: string): readonly string[] => {
      const found = status.filter(([word]) => word === wanted);
      if (found.length !== 1) throw new RangeError("one is not a single signed message");
      return found[0] ?? [];
    };
    for (const word of ["NEWSIG", "GOODSIG", "PLAINTEXT"]) only(word);
    // VALIDSIG FINGERPRINT DATE TIME EXPIRES VERSION 0 ALGORITHM HASH CLASS PRIMARY-FINGERPRINT
    const [, fingerprint = "", , , , , , , , kind, primary] = only("VALIDSIG");
    if (code !== 0 || kind !== "00") throw new RangeError("one is not a signature of a document");
    return { payload: output, fingerprint: primary ?? fingerprint };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }

  async #run(
    words: readonly string[],
    input: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<{ code: number | null; status: string[][]; output: Uint8Array }> {
    const timeout = AbortSignal.timeout(PATIENCE_MS);
    const child = spawn(PROGRAM, [...FLAGS, ...words], {
      // Nobody's settings, and English words.
      env: { GNUPGHOME: this.#home, PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
      stdio: ["pipe", "pipe", "ignore", "pipe"],
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      killSignal: "SIGKILL",
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on("error", (error) => reject(isMissing(error) ? noGPG() : error));
      child.on("close", resolve);
    });
    // One that ends without reading is told of by its status.
    child.stdin?.on("error", () => undefined).end(input);
    const collect = (stream: unknown): Promise<Buffer> =>
      collected(stream as Readable | null, () => child.kill("SIGKILL")); // a pipe, as asked for above
    const [code, output, text] = await Promise.all([ended, collect(child.stdout), collect(child.stdio[3])]);
    const status = text
      .toString("utf8")
      .split("\n")
      .filter((line) => line.startsWith("[GNUPG:] "))
      .map((line) => line.slice("[GNUPG:] ".length).split(" "));
    return { code, status, output };
  }
}

/** @param stream  Null: the program is not there, which another event tells */
async function collected(stream: Readable | null, tooMuch: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) {
      tooMuch();
      throw new RangeError(`one has more than ${MAX_OUTPUT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isMissing(error: Error): boolean {
  return "code" in error && error.code === "ENOENT";
}

function noGPG(): Unsupported {
  return new Unsupported(
    { what: "signedBy", why: "it takes the program gpg, which is not installed" },
    { hint: "Install gnupg" },
  );
}
