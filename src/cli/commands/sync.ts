/** `teu sync`: many images from one place to another. Skopeo's words. */
import { writeFileSync } from "node:fs";
import { isTeuError, messageOf, print, printError } from "../../base/index.ts";
import { InvalidOption, type SyncedImage, SyncIncomplete, syncImages } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf, QUIET_FLAG, SIGNATURE_POLICY_FLAG } from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { accessOf, SIDE_FLAGS } from "../registry-flags.ts";
import { SIGN_FLAGS, signersOf } from "../sign-flags.ts";
import { encodeSize, printable } from "../text.ts";
import { formatOf } from "./copy.ts";

export const command = teuCommand({
  name: "teu sync",
  summary: "Copy many images, those that changed, between registries and folders",
  description: `SOURCE is, by --src, docker: a repository with all its tags, or one image; yaml: a file that lists registries and images, as skopeo reads it; dir: a folder
of folders that hold images; oci: a layout with its named images, or one of them as FOLDER:NAME. DESTINATION is, by --dest, docker: a registry, or a path at one;
dir: a folder; oci: a layout, in which images share their blobs. What is there under the same digest is left, and signed where it is not yet.`,
  flags: {
    src: { kind: "string", short: "s", value: "docker|yaml|dir|oci", summary: "What SOURCE is" },
    dest: { kind: "string", short: "d", value: "docker|dir|oci", summary: "What DESTINATION is" },
    all: { kind: "boolean", short: "a", summary: "All platforms of an index, and the index itself" },
    platform: PLATFORM_FLAG,
    scoped: { kind: "boolean", summary: "Keep the source's whole name below the destination" },
    "append-suffix": { kind: "string", value: "TEXT", summary: "Append TEXT to tags at the destination" },
    "dry-run": { kind: "boolean", summary: "Say what would be copied, and copy nothing" },
    "keep-going": { kind: "boolean", summary: "Go on with the other images when one fails" },
    "remove-signatures": { kind: "boolean", summary: "Copy no signatures, as ever: for skopeo's users" },
    "preserve-digests": { kind: "boolean", summary: "Fail rather than give an image another digest" },
    format: { kind: "string", short: "f", value: "oci|docker", summary: "Write manifests of this format" },
    ...SIDE_FLAGS,
    "signature-policy": { ...SIGNATURE_POLICY_FLAG, aliases: ["policy"] },
    ...SIGN_FLAGS,
    digestfile: { kind: "string", value: "FILE", summary: "Write digests and names of the copies to FILE" },
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "SOURCE" }, { name: "DESTINATION" }],
  examples: [
    {
      command: "teu sync --src yaml --dest docker --all --keep-going images.yml mirror.example/hub",
      says: "Mirror what a file lists",
    },
    {
      command: "teu sync --src docker --dest dir --scoped registry.example/busybox /media/usb",
      says: "All tags of a repository, to be carried elsewhere",
    },
  ],
  async run({ flags, given, arguments: [source = "", destination = ""] }, { environment }) {
    if (flags.all && flags.platform !== undefined)
      throw new InvalidOption({ option: "--all", value: "" }, "--all and --platform are mutually exclusive");
    const sourceKind = kindOf("--src", flags.src, ["docker", "yaml", "dir", "oci"] as const);
    const destinationKind = kindOf("--dest", flags.dest, ["docker", "dir", "oci"] as const);
    using progress = progressPrinter(flags, "none"); // each image has a line already
    const images = await syncImages(source, destination, {
      sourceKind,
      destinationKind,
      isAll: flags.all,
      platform: platformOf(flags.platform),
      isScoped: flags.scoped,
      suffix: flags["append-suffix"],
      isDryRun: flags["dry-run"],
      isKeepingGoing: flags["keep-going"],
      isSameDigestRequired: flags["preserve-digests"],
      format: formatOf(flags.format),
      from: accessOf("src", { flags, given }),
      to: accessOf("dest", { flags, given }),
      signaturePolicy: flags["signature-policy"],
      signers: await signersOf({ flags }, environment),
      environment,
      onEvent: progress.update,
      onImage: (image) => {
        progress.clear();
        if (image.outcome === "failed") printError(`teu: ${printable(encodeFailure(image))}\n`);
        else if (!flags.json && !flags.quiet) print(`${encodeImage(image)}\n`);
      },
    });
    progress.clear();
    if (flags.digestfile !== undefined && !flags["dry-run"])
      writeFileSync(
        flags.digestfile,
        images
          .filter(({ digest }) => digest)
          .map(digestLine)
          .join(""),
      );
    print(flags.json ? `${JSON.stringify(summaryOf(images))}\n` : `${encodeSummary(images)}\n`);
    const failed = images.filter(({ outcome }) => outcome === "failed").length;
    if (failed > 0) throw new SyncIncomplete({ failed, images: images.length });
    return 0;
  },
});

function kindOf<T extends string>(option: string, value: string | undefined, known: readonly T[]): T {
  const found = known.find((kind) => kind === value);
  if (found !== undefined) return found;
  const says =
    value === undefined ? `Must provide ${option}` : `Invalid value ${JSON.stringify(value)} of ${option}`;
  throw new InvalidOption({ option, value: value ?? "" }, `${says}: wants one of ${known.join(", ")}`);
}

const digestLine = ({ digest, destination }: SyncedImage): string => `${digest} ${destination}\n`;

const OUTCOMES = { copied: "copied", unchanged: "unchanged", planned: "would be copied", failed: "failed" };

function encodeImage({ source, destination, outcome, digest, sentBytes }: SyncedImage): string {
  const size = outcome === "copied" ? `, ${encodeSize(sentBytes)} sent` : "";
  return `${source} -> ${destination}: ${OUTCOMES[outcome]}${digest === undefined ? "" : ` ${digest}`}${size}`;
}

function encodeFailure({ source, destination, error }: SyncedImage): string {
  return `${source}${destination === undefined ? "" : ` -> ${destination}`}: ${messageOf(error)}`;
}

function counts(images: readonly SyncedImage[]) {
  const count = (wanted: SyncedImage["outcome"]) => images.filter(({ outcome }) => outcome === wanted).length;
  return {
    copied: count("copied"),
    unchanged: count("unchanged"),
    planned: count("planned"),
    failed: count("failed"),
    sentBytes: images.reduce((sum, image) => sum + image.sentBytes, 0),
  };
}

function encodeSummary(images: readonly SyncedImage[]): string {
  const { copied, unchanged, planned, failed, sentBytes } = counts(images);
  return planned > 0
    ? `${planned} images would be copied, ${unchanged} unchanged, ${failed} failed`
    : `${copied} images copied, ${unchanged} unchanged, ${failed} failed; ${encodeSize(sentBytes)} sent`;
}

function summaryOf(images: readonly SyncedImage[]): object {
  const list = images.map(({ error, ...image }) => ({
    ...image,
    ...(error !== undefined && {
      error: { code: isTeuError(error) ? error.code : "internal", message: messageOf(error) },
    }),
  }));
  return { ...counts(images), images: list };
}
