/**
 * Signatures by OpenPGP keys, judged by the program gpg: with a home of its own that holds the keys of one requirement and nothing else, so that whoever signed
 * well is somebody whom the requirement names. It starts no agent, asks no key server, and what it writes is bounded.
 * Source: GnuPG doc/DETAILS, Format of the --status-fd output; containers/image docs/containers-signature.5.md.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidKey } from "./errors.ts";
import { type GPGAnswer, runGPG } from "./gpg-program.ts";

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
  "--no-options",
  "--no-autostart",
  "--disable-dirmngr",
  "--no-auto-key-retrieve",
  "--no-auto-check-trustdb",
  // The policy says who is trusted.
  ...["--trust-model", "always"],
];
const PATIENCE_MS = 30_000;
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
  ): Promise<GPGAnswer> {
    const timeout = AbortSignal.timeout(PATIENCE_MS);
    // Nobody's settings.
    const environment = { GNUPGHOME: this.#home, PATH: process.env["PATH"] ?? "" };
    return await runGPG(
      { words: [...FLAGS, ...words], input, environment, purpose: "signedBy" },
      signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    );
  }
}
