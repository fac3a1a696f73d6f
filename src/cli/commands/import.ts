/** `teu import`: an image of the archive of a file system. Docker's flags. */
import { Unsupported } from "../../base/index.ts";
import { importImage, openEngine, parseConfigChange } from "../../engine/index.ts";
import { readArchive } from "../archive-file.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { printEdited } from "../edit-flags.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { sourceDateEpoch } from "../source-date.ts";

export const command = teuCommand({
  name: "teu import",
  summary: "Make an image of the archive of a file system",
  description:
    "The archive is a tar, plain or compressed with gzip or zstd; it becomes the image's only layer. FILE - is standard input.",
  flags: {
    change: {
      kind: "list",
      short: "c",
      value: "INSTRUCTION",
      summary: "Set something of its config: CMD, ENV, USER, …",
    },
    message: { kind: "string", short: "m", value: "TEXT", summary: "What the history says of it" },
    platform: { ...PLATFORM_FLAG, summary: "What it is for (default this machine)" },
    json: JSON_FLAG,
  },
  arguments: [{ name: "FILE" }, { name: "NAME", isOptional: true }],
  examples: [
    {
      command: `teu import -c 'CMD ["sh"]' rootfs.tar.gz mine:1`,
      says: "What debootstrap made, for instance",
    },
  ],
  async run({ flags, arguments: [file = "", reference] }, context) {
    if (reference === undefined)
      throw new Unsupported({ what: "import without a name", why: "an image without a name is not kept" });
    if (/^https?:\/\//.test(file))
      throw new Unsupported(
        { what: "import of a URL", why: "only files are read" },
        { hint: `curl -L ${file} | teu import - ${reference}` },
      );
    const changes = flags.change.map(parseConfigChange);
    const platform = platformOf(flags.platform);
    const created = sourceDateEpoch(context);
    const store = await openEngine(context.environment);
    const source = readArchive(file === "-" ? undefined : file, "import");
    const message = flags.message ?? "Imported from -"; // wherever it lies: the same archive makes the same image
    const image = await importImage(store, source, {
      reference,
      message,
      changes,
      platform,
      sourceDateEpoch: created,
    });
    printEdited(image, flags);
    return 0;
  },
});
