/** `teu verify`: whether an image is signed by a key. */
import { readFile } from "node:fs/promises";
import { print } from "../../base/index.ts";
import { RegistryClient } from "../../distribution/client/index.ts";
import { InvalidOption } from "../../engine/index.ts";
import {
  parsePublicKey,
  parseTrustedRoot,
  refuseIdentity,
  trustIdentity,
  trustKeys,
  verifyImage,
} from "../../signature/index.ts";
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
    "trusted-root": {
      kind: "string",
      value: "FILE",
      summary: "Instead of a key: Sigstore's authorities and logs, for signatures by certificate",
    },
    "certificate-identity": {
      kind: "string",
      value: "NAME",
      summary: "Whose certificate it must be: an e-mail address, or a build's URI",
    },
    "certificate-oidc-issuer": {
      kind: "string",
      value: "URL",
      summary: "Where he must have logged in to get it",
    },
    "insecure-ignore-tlog": {
      kind: "boolean",
      aliases: ["private-infrastructure"],
      summary: "With --trusted-root: ask for no log, a time stamp says when it was signed",
    },
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
    {
      command:
        "teu verify --trusted-root trusted_root.json --certificate-identity me@example.org --certificate-oidc-issuer https://accounts.google.com registry.example.org/app:1",
      says: "By certificate, without a word to Sigstore",
    },
  ],
  async run({ flags, arguments: [text = ""] }) {
    const trust = await readTrust(flags);
    const reference = parseReference(text);
    const wanted = flags.identity === undefined ? reference : parseReference(flags.identity);
    const client = new RegistryClient(reference, { insecure: flags.insecure });
    const { digest } = await client.resolve(reference.digest ?? reference.tag ?? DEFAULT_TAG);
    const accepted = await verifyImage(client, {
      image: text,
      digests: [digest],
      trust,
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

/** A key, or all that it takes without one. @throws {InvalidOption} */
async function readTrust(flags: {
  key: string | undefined;
  "trusted-root": string | undefined;
  "certificate-identity": string | undefined;
  "certificate-oidc-issuer": string | undefined;
  "insecure-ignore-tlog": boolean;
}): Promise<ReturnType<typeof trustKeys>> {
  const {
    key,
    "trusted-root": root,
    "certificate-identity": subject,
    "certificate-oidc-issuer": issuer,
  } = flags;
  if (key !== undefined && root === undefined && subject === undefined && issuer === undefined)
    return trustKeys([parsePublicKey(await readFile(key, "utf8"), key)]);
  if (key !== undefined || root === undefined || subject === undefined || issuer === undefined)
    throw new InvalidOption(
      { option: "--key", value: key ?? "" },
      "Cannot tell whom to trust: wants --key, or --trusted-root with --certificate-identity and --certificate-oidc-issuer",
    );
  const trusted = parseTrustedRoot(await readFile(root, "utf8"), root);
  return trustIdentity(
    { subject, issuer },
    flags["insecure-ignore-tlog"] ? { ...trusted, logs: [] } : trusted,
  );
}
