/** `teu copy`: an image from one place to another. Skopeo's words. */
import { writeFileSync } from "node:fs";
import { print } from "../../base/index.ts";
import { type Copied, copyImage, InvalidOption } from "../../engine/index.ts";
import type { ImageFormat } from "../../image/index.ts";
import type { LayerCompression } from "../../spec/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf, QUIET_FLAG, SIGNATURE_POLICY_FLAG } from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { accessOf, SIDE_FLAGS } from "../registry-flags.ts";
import { SIGN_FLAGS, signersOf } from "../sign-flags.ts";

const FORMATS: Readonly<Record<string, ImageFormat>> = { oci: "oci", docker: "docker", v2s2: "docker" };

export const command = teuCommand({
  name: "teu copy",
  summary: "Copy an image between registries, archives, layouts and this machine",
  description: `Places are docker://IMAGE, oci:FOLDER[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], dir:FOLDER, and names of images of this machine
(or store:NAME); to read, also docker-daemon:IMAGE, containers-storage:IMAGE and containerd:[NAMESPACE/]IMAGE. Bytes and digests stay as they are, unless --format or --dest-compress-format say otherwise; what the destination has already is not sent.`,
  flags: {
    all: { kind: "boolean", short: "a", summary: "All platforms of an index, and the index itself" },
    platform: PLATFORM_FLAG,
    "remove-signatures": {
      kind: "boolean",
      summary: "Copy no signatures, as ever: for skopeo's users",
      hidden: true,
    },
    "preserve-digests": { kind: "boolean", summary: "Fail rather than give the image another digest" },
    format: { kind: "string", short: "f", value: "oci|docker", summary: "Write manifests of this format" },
    "dest-compress-format": {
      kind: "string",
      value: "gzip|zstd",
      aliases: ["compression-format"],
      summary: "Pack layers anew that are packed otherwise",
    },
    "dest-decompress": { kind: "boolean", summary: "Copy layers unpacked, as plain tar" },
    referrers: { kind: "boolean", summary: "Take signatures and whatever else refers to the image along" },
    "additional-tag": {
      kind: "list",
      value: "TAG",
      aliases: ["dest-tag"],
      summary: "One more name at the destination: a tag at a registry, a whole name elsewhere",
    },
    parallel: {
      kind: "integer",
      value: "N",
      aliases: ["image-parallel-copies"],
      summary: "Blobs that are copied at once (default 6)",
    },
    ...SIDE_FLAGS,
    "signature-policy": { ...SIGNATURE_POLICY_FLAG, aliases: ["policy"] },
    ...SIGN_FLAGS,
    digestfile: { kind: "string", value: "FILE", summary: "Write the digest of the copy to FILE" },
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "SOURCE" }, { name: "DESTINATION" }],
  examples: [
    {
      command: "teu copy --all docker://debian:12 docker://registry.example/debian:12",
      says: "Mirror an image with all its platforms, without storing it here",
    },
    { command: "teu copy docker://nginx docker-archive:nginx.tar:nginx:latest", says: "For 'docker load'" },
    { command: "teu copy oci:build:app store:app", says: "What another tool has built, to be run here" },
  ],
  async run({ flags, given, arguments: [source = "", destination = ""] }, { environment }) {
    const { format, parallel } = flags;
    if (parallel !== undefined && parallel < 1)
      throw new InvalidOption(
        { option: "--parallel", value: `${parallel}` },
        `Invalid number ${parallel} of --parallel: wants 1 or more`,
      );
    if (flags.all && flags.platform !== undefined)
      throw new InvalidOption({ option: "--all", value: "" }, "--all and --platform are mutually exclusive");
    using progress = progressPrinter(flags);
    const copied = await copyImage(source, destination, {
      isAll: flags.all,
      platform: platformOf(flags.platform),
      format: formatOf(format),
      compression: compressionOf(flags["dest-compress-format"], flags["dest-decompress"]),
      isSameDigestRequired: flags["preserve-digests"],
      hasReferrers: flags.referrers,
      names: flags["additional-tag"],
      from: accessOf("src", { flags, given }),
      to: accessOf("dest", { flags, given }),
      signaturePolicy: flags["signature-policy"],
      signers: await signersOf({ flags }, environment),
      parallel,
      environment,
      onEvent: progress.update,
    });
    progress[Symbol.dispose]();
    if (flags.digestfile !== undefined) writeFileSync(flags.digestfile, copied.root.digest);
    print(flags.json ? `${JSON.stringify(summaryOf(copied))}\n` : `${encodeCopied(copied)}\n`);
    return 0;
  },
});

/** How layers shall be packed. @throws {InvalidOption} */
function compressionOf(format: string | undefined, isNone: boolean): LayerCompression | undefined {
  if (format === undefined) return isNone ? "none" : undefined;
  if (isNone)
    throw new InvalidOption(
      { option: "--dest-decompress", value: "" },
      "--dest-decompress and --dest-compress-format are mutually exclusive",
    );
  if (format === "gzip" || format === "zstd") return format;
  throw new InvalidOption(
    { option: "--dest-compress-format", value: format },
    `Invalid compression ${JSON.stringify(format)}: wants gzip or zstd`,
  );
}

/** The value of --format. @throws {InvalidOption} */
export function formatOf(text: string | undefined): ImageFormat | undefined {
  if (text === undefined) return undefined;
  const format = FORMATS[text];
  if (format !== undefined) return format;
  throw new InvalidOption(
    { option: "--format", value: text },
    `Invalid format ${JSON.stringify(text)}: wants oci or docker (v2s2)`,
  );
}

function summaryOf({ root, ...copied }: Copied): object {
  const { mediaType, digest, size } = root;
  return { ...copied, mediaType, digest, size };
}

/** As push says it. */
function encodeCopied({ destination, root, referrers }: Copied): string {
  const more = referrers.length === 0 ? "" : ` referrers: ${referrers.length}`;
  return `${destination}: digest: ${root.digest} size: ${root.size}${more}`;
}
