/** Flags of who signs what is pushed or copied, in skopeo's and podman's words. */
import { readFileSync } from "node:fs";
import type { ParsedArguments } from "../base/index.ts";
import { InvalidOption, type Signers } from "../engine/index.ts";
import { encodeReference, parseReference } from "../spec/index.ts";

/** See above. */
export const SIGN_FLAGS = {
  "sign-by": {
    kind: "string",
    value: "KEY",
    summary: "Sign with this key of gpg's: a fingerprint, or an address",
  },
  "sign-by-sigstore-private-key": {
    kind: "string",
    value: "FILE",
    summary: "Sign in cosign's format with this private key, in PEM",
  },
  "sign-passphrase-file": {
    kind: "string",
    value: "FILE",
    summary: "The first line of FILE opens the key",
  },
  "sign-identity": {
    kind: "string",
    value: "IMAGE",
    summary: "Sign under this name (default the one that is written to)",
  },
} as const;

/** What was said of it; undefined: nobody signs. @throws {InvalidOption} @throws {InvalidKey} @throws {Interrupted} */
export async function signersOf(
  { flags }: Pick<ParsedArguments<typeof SIGN_FLAGS>, "flags">,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Signers | undefined> {
  const key = flags["sign-by"];
  const file = flags["sign-by-sigstore-private-key"];
  if (key === undefined && file === undefined) {
    const useless = (["sign-passphrase-file", "sign-identity"] as const).find(
      (name) => flags[name] !== undefined,
    );
    if (useless === undefined) return undefined;
    throw new InvalidOption(
      { option: `--${useless}`, value: flags[useless] ?? "" },
      `Cannot use --${useless} alone: it wants --sign-by or --sign-by-sigstore-private-key`,
    );
  }
  const { askPassword, passphraseIn } = await import("./password.ts");
  const passphrase = passphraseIn(flags["sign-passphrase-file"]);
  const { parsePrivateKey } = await import("../signature/index.ts");
  const named = flags["sign-identity"];
  // As 'teu sign' and cosign have it.
  const ask = () => passphrase ?? askPassword(environment, `Password of ${file}: `);
  return {
    gpg: key === undefined ? undefined : { key, passphrase, environment },
    privateKey: file === undefined ? undefined : await parsePrivateKey(readFileSync(file, "utf8"), file, ask),
    identity: named === undefined ? undefined : encodeReference(parseReference(named)),
  };
}
