/** `teu generate-key-pair`: keys to sign images with. Cosign's word. */
import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { printError, TeuError } from "../../base/index.ts";
import { encryptPrivateKey, generateKeyPair } from "../../signature/index.ts";
import { teuCommand } from "../context.ts";
import { askNewPassword, passphraseIn } from "../password.ts";

/** A key that is overwritten is lost. */
class KeyExists extends TeuError<"key-exists", { path: string }> {
  constructor(context: { path: string }) {
    super(
      "key-exists",
      "already-exists",
      context,
      `Cannot write a key to ${JSON.stringify(context.path)}: it exists`,
    );
  }
}

export const command = teuCommand({
  name: "teu generate-key-pair",
  summary: "Make keys to sign images with",
  description: `Writes PREFIX.key, which signs and is for its owner only, and PREFIX.pub, for everybody who verifies: ECDSA on P-256, in PEM. With a password
in --passphrase-file, else in COSIGN_PASSWORD, else typed at a terminal, PREFIX.key is encrypted as cosign and skopeo do it; without one it is PKCS#8, not encrypted.
'teu sign' takes other keys too: RSA, Ed25519, P-384, P-521, made by openssl.`,
  flags: {
    "output-key-prefix": { kind: "string", value: "PREFIX", summary: "Of both files' names (default teu)" },
    "passphrase-file": {
      kind: "string",
      value: "FILE",
      summary: "The first line of FILE encrypts the private key",
    },
  },
  arguments: [],
  examples: [
    { command: "teu generate-key-pair --output-key-prefix release", says: "release.key and release.pub" },
    {
      command: "teu generate-key-pair --passphrase-file secret",
      says: "Encrypted, as cosign and skopeo read it",
    },
  ],
  async run({ flags }, { environment }) {
    const prefix = flags["output-key-prefix"] ?? "teu";
    // Before somebody types a password for nothing.
    for (const path of [`${prefix}.key`, `${prefix}.pub`])
      if (existsSync(path)) throw new KeyExists({ path });
    const password = passphraseIn(flags["passphrase-file"]) ?? askNewPassword(environment);
    const { privateKey: plain, publicKey } = generateKeyPair();
    const privateKey = password === undefined ? plain : await encryptPrivateKey(plain, password);
    await write(`${prefix}.key`, privateKey, 0o600);
    try {
      await write(`${prefix}.pub`, publicKey, 0o644);
    } catch (error) {
      await rm(`${prefix}.key`);
      throw error;
    }
    printError(`Private key written to ${prefix}.key\nPublic key written to ${prefix}.pub\n`);
    return 0;
  },
});

async function write(path: string, text: string, mode: number): Promise<void> {
  try {
    await using file = await open(path, "wx", mode);
    await file.writeFile(text);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") throw new KeyExists({ path });
    throw error;
  }
}
