/** `teu inspect`: all that is known of images and containers, as JSON or by a template. */
import {
  describeNetwork,
  describeVolume,
  type InspectOptions,
  InvalidOption,
  inspect,
  openEngine,
  type Store,
} from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { networkShape } from "../network-shape.ts";
import { INSPECT_FLAG, printInspections } from "../template/inspections.ts";
import { volumeShape } from "./volume-inspect.ts";

export const command = teuCommand({
  name: "teu inspect",
  summary: "Show all that is known of images and containers, as JSON",
  description:
    "Docker's keys, which begin with capitals, stand beside those that 'teu ps' and 'teu images' have too.",
  flags: {
    type: { kind: "string", value: "container|image|network|volume", summary: "Only what is of this kind" },
    size: {
      kind: "boolean",
      short: "s",
      summary: "Of containers: what they have written, and all files (SizeRw, SizeRootFs)",
    },
    platform: { ...PLATFORM_FLAG, summary: "Of images: this platform, in the place of this machine's" },
    format: INSPECT_FLAG,
  },
  arguments: [{ name: "NAME", isRepeated: true }],
  examples: [
    { command: "teu inspect debian:12", says: "Its documents, as they are stored" },
    { command: "teu inspect -f '{{.NetworkSettings.IPAddress}}' web", says: "One thing alone" },
  ],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const platform = platformOf(flags.platform);
    const options = { withSizes: flags.size, ...(platform && { platform }) };
    const found = await Promise.all(names.map((name) => inspectAs(flags.type, store, name, options)));
    printInspections(flags.format, found);
    return 0;
  },
});

/** @throws {InvalidOption} {NoSuchContainer} {NoSuchImage} {NoSuchNetwork} {NoSuchVolume} */
async function inspectAs(
  type: string | undefined,
  store: Store,
  name: string,
  options: InspectOptions,
): Promise<object> {
  switch (type) {
    case undefined:
    case "":
      return await inspect(store, name, options);
    case "container":
    case "image":
      return await inspect(store, name, { ...options, kind: type });
    case "network":
      return networkShape(describeNetwork(store, name));
    case "volume":
      return volumeShape(describeVolume(store, name));
    default:
      throw new InvalidOption(
        { option: "--type", value: type },
        `${JSON.stringify(type)} is not a valid value for --type: wants container, image, network or volume`,
      );
  }
}
