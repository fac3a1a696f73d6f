/** `teu import`: an image of the archive of a file system, with docker's flags; or the images of other engines of this machine. */
import { print, Unsupported } from "../../base/index.ts";
import { InvalidOption, importImage, openEngine, parseConfigChange, takeImages } from "../../engine/index.ts";
import { readArchive } from "../archive-file.ts";
import { type CliContext, JSON_FLAG, teuCommand } from "../context.ts";
import { printEdited } from "../edit-flags.ts";
import { PLATFORM_FLAG, platformOf, QUIET_FLAG } from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { sourceDateEpoch } from "../source-date.ts";

export const command = teuCommand({
  name: "teu import",
  summary:
    "Make an image of the archive of a file system, or take over those of docker, podman or containerd",
  description:
    "The archive is a tar, plain or compressed with gzip or zstd; it becomes the image's only layer. FILE - is standard input. With --from, images that another engine of this machine has become teu's, with their IDs: docker-daemon:IMAGE (DOCKER_HOST says where), containers-storage:IMAGE (podman, buildah, CRI-O), containerd:[NAMESPACE/]IMAGE; without an image, all that have names.",
  flags: {
    change: {
      kind: "list",
      short: "c",
      value: "INSTRUCTION",
      summary: "Set something of its config: CMD, ENV, USER, …",
    },
    message: { kind: "string", short: "m", value: "TEXT", summary: "What the history says of it" },
    from: {
      kind: "string",
      value: "PLACE",
      summary: "Take images over: docker-daemon:, containers-storage:, containerd:",
    },
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
    platform: { ...PLATFORM_FLAG, summary: "What it is for (default this machine)" },
    json: JSON_FLAG,
  },
  arguments: [
    { name: "FILE", isOptional: true },
    { name: "NAME", isOptional: true },
  ],
  examples: [
    {
      command: `teu import -c 'CMD ["sh"]' rootfs.tar.gz mine:1`,
      says: "What debootstrap made, for instance",
    },
    { command: "teu import --from docker-daemon:", says: "All images that docker has" },
    {
      command: "teu import --from containers-storage:localhost/app app:1",
      says: "One of podman's, by another name",
    },
  ],
  async run({ flags, arguments: [file, reference] }, context) {
    if (flags.from !== undefined) {
      if (reference !== undefined)
        throw new InvalidOption(
          { option: "--from", value: reference },
          `Cannot take ${JSON.stringify(reference)}: with --from, one name is what the image is called here`,
        );
      return await take(flags.from, file, flags, context);
    }
    if (file === undefined)
      throw new InvalidOption({ option: "--from", value: "" }, "Cannot import: wants FILE, or --from PLACE");
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

async function take(
  from: string,
  name: string | undefined,
  flags: { readonly progress: string; readonly quiet: boolean; readonly json: boolean },
  { environment }: CliContext,
): Promise<number> {
  const store = await openEngine(environment);
  using progress = progressPrinter(flags);
  const onImage = (image: string): void => {
    if (flags.json) print(`${JSON.stringify({ image })}\n`);
    else if (!flags.quiet) print(`Imported image: ${image}\n`);
  };
  await takeImages(store, { from, name, environment, onEvent: progress.update, onImage });
  return 0;
}
