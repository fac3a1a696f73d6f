/** `teu verify`: whether an image is signed by a key. */
import { readFile } from "node:fs/promises";
import { print, Unsupported } from "../../base/index.ts";
import { RegistryClient } from "../../distribution/client/index.ts";
import { parsePublicKey, refuseIdentity, trustKeys, verifyImage } from "../../signature/index.ts";
import { DEFAULT_TAG, parseReference } from "../../spec/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { INSECURE_FLAG } from "../image-flags.ts";

export const command = teuCommand({
  name: "teu verify",
  summary: "Look whether an image is signed by a key",
  description: `Looks for signatures of what the registry has under IMAGE, in cosign's first format and as bundles, and prints the first that counts. A signature that
names another repository than IMAGE's does not count, unless --identity names it; bundles that cosign makes name none. Status 1: none counts.`,
  flags: {
    key: { kind: "string", value: "FILE", summary: "The public key, in PEM" },
    identity: {
      kind: "string",
      value: "REPOSITORY",
      summary: "For which repository it must have been made (default IMAGE's): of a mirror",
    },
    insecure: INSECURE_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    { command: "teu verify --key teu.pub registry.example.org/app:1", says: "Prints digest, key and name" },
  ],
  async run({ flags, arguments: [text = ""] }) {
    if (flags.key === undefined)
      throw new Unsupported({ what: "verifying without --key", why: "certificates of Fulcio are not built" });
    const key = parsePublicKey(await readFile(flags.key, "utf8"), flags.key);
    const reference = parseReference(text);
    const wanted = flags.identity === undefined ? reference : parseReference(flags.identity);
    const client = new RegistryClient(reference, { insecure: flags.insecure });
    const { digest } = await client.resolve(reference.digest ?? reference.tag ?? DEFAULT_TAG);
    const accepted = await verifyImage(client, {
      image: text,
      digests: [digest],
      trust: trustKeys([key]),
      refuseIdentity: (signed) =>
        signed === undefined && flags.identity === undefined
          ? undefined
          : refuseIdentity({ type: "matchRepository" }, wanted, signed),
    });
    const { signer, identity, format } = accepted;
    const name = `${reference.registry}/${reference.repository}@${digest}`;
    if (flags.json) print(`${JSON.stringify({ image: name, ...accepted })}\n`);
    else
      print(`${name}  signed with ${signer} for ${identity ?? "no repository in particular"} (${format})\n`);
    return 0;
  },
});
