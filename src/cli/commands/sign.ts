/** `teu sign`: an image is signed where it lies, in its registry. */
import { readFile } from "node:fs/promises";
import { print, printError, Unsupported } from "../../base/index.ts";
import { RegistryClient } from "../../distribution/client/index.ts";
import { InvalidOption } from "../../engine/index.ts";
import { parsePrivateKey, signImage } from "../../signature/index.ts";
import { DEFAULT_TAG, encodeReference, mediaTypeKind, parseReference } from "../../spec/index.ts";
import { teuCommand } from "../context.ts";
import { INSECURE_FLAG } from "../image-flags.ts";
import { askPassword, passphraseIn } from "../password.ts";
import { SIGN_FLAGS } from "../sign-flags.ts";

export const command = teuCommand({
  name: "teu sign",
  summary: "Sign an image in its registry",
  description: `What the registry has under IMAGE now is signed, an index as a whole. The signature is one of cosign's, under the tag sha256-….sig, or with --bundle a
bundle that refers to the image; nothing is sent to a transparency log. It names IMAGE, tag included, so that policies can tell for what it was made.
An encrypted key (PKCS#8, or as cosign and skopeo make them) is opened with the password in --sign-passphrase-file, else in COSIGN_PASSWORD; else a terminal is asked.`,
  flags: {
    key: { kind: "string", value: "FILE", summary: "The private key, in PEM" },
    "sign-passphrase-file": SIGN_FLAGS["sign-passphrase-file"],
    bundle: { kind: "boolean", summary: "As a Sigstore bundle (v0.3)" },
    legacy: { kind: "boolean", summary: "In cosign's first format, which podman and skopeo read (default)" },
    recursive: { kind: "boolean", summary: "Sign each image of an index too, as podman wants it" },
    insecure: INSECURE_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    {
      command: "teu sign --key teu.key registry.example.org/app:1",
      says: "So that 'teu verify', cosign and podman accept it",
    },
  ],
  async run({ flags, arguments: [text = ""] }, { environment }) {
    if (flags.key === undefined)
      throw new Unsupported({
        what: "signing without --key",
        why: "certificates of Fulcio are not asked for",
      });
    if (flags.bundle && flags.legacy)
      throw new InvalidOption(
        { option: "--bundle", value: "--legacy" },
        "Cannot use --bundle and --legacy together: a signature has one format",
      );
    const { key: file } = flags;
    const passphrase = passphraseIn(flags["sign-passphrase-file"]);
    const ask = () => passphrase ?? askPassword(environment, `Password of ${file}: `);
    const key = await parsePrivateKey(await readFile(file, "utf8"), file, ask);
    const reference = parseReference(text);
    const client = new RegistryClient(reference, { insecure: flags.insecure });
    const root = await client.resolve(reference.digest ?? reference.tag ?? DEFAULT_TAG);
    if (reference.digest === undefined) printError(`${text} is ${root.digest} now: that is what is signed\n`);
    const children =
      flags.recursive && root.document.kind === "index"
        ? root.document.index.manifests.filter(({ mediaType }) => mediaTypeKind(mediaType) !== "other")
        : [];
    const identity = encodeReference({ ...reference, digest: undefined });
    const format = flags.bundle ? "bundle" : "simple";
    for (const subject of [root, ...children]) {
      await signImage(client, { subject, identity, key, format });
      print(`${reference.registry}/${reference.repository}@${subject.digest}\n`);
    }
    return 0;
  },
});
