/** `teu inspect`: all that is known of containers, images, networks and volumes, as JSON or by a template. */
import { type Flags, hasCode, TeuError } from "../../base/index.ts";
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

/** Nothing of any kind goes by this text. Docker's words. */
class NoSuchObject extends TeuError<"no-such-object", { text: string }> {
  constructor(context: { text: string }) {
    super("no-such-object", "not-found", context, `No such object: ${context.text}`);
  }
}

const FLAGS = {
  type: { kind: "string", value: "container|image|network|volume", summary: "Only what is of this kind" },
  size: {
    kind: "boolean",
    short: "s",
    summary: "Of containers: what they have written, and all files (SizeRw, SizeRootFs)",
  },
  platform: { ...PLATFORM_FLAG, summary: "Of images: this platform, in the place of this machine's" },
  format: INSPECT_FLAG,
} as const satisfies Flags;

/** @param kind  What is meant where --type says nothing else; "": whatever goes by the name. */
function inspectOf(kind: "" | "container" | "image") {
  return teuCommand({
    name: "teu inspect",
    summary: "Show all that is known of containers, images, networks and volumes, as JSON",
    description:
      "Docker's keys, which begin with capitals, stand beside those that 'teu ps' and 'teu images' have too.",
    flags: FLAGS,
    arguments: [{ name: "NAME", isRepeated: true }],
    examples: [
      { command: "teu inspect debian:12", says: "Its documents, as they are stored" },
      { command: "teu inspect -f '{{.NetworkSettings.IPAddress}}' web", says: "One thing alone" },
    ],
    async run({ flags, arguments: names }, { environment }) {
      const type = flags.type || kind;
      const look = LOOKS[type];
      if (look === undefined)
        throw new InvalidOption(
          { option: "--type", value: type },
          `${JSON.stringify(type)} is not a valid value for --type: wants container, image, network or volume`,
        );
      const store = await openEngine(environment);
      const platform = platformOf(flags.platform);
      const options = { withSizes: flags.size, ...(platform && { platform }) };
      await printInspections(flags.format, names, (name) => look(store, name, options));
      return 0;
    },
  });
}

type Look = (store: Store, name: string, options: InspectOptions) => object | Promise<object>;

/** By the words of --type. */
const LOOKS: Readonly<Record<string, Look>> = {
  "": inspectAny,
  container: (store, name, options) => inspect(store, name, { ...options, kind: "container" }),
  image: (store, name, options) => inspect(store, name, { ...options, kind: "image" }),
  network: (store, name) => networkShape(describeNetwork(store, name)),
  volume: (store, name) => volumeShape(describeVolume(store, name)),
};

export const command = inspectOf("");
/** `teu container inspect` and `teu image inspect`. */
export const [containerCommand, imageCommand] = [inspectOf("container"), inspectOf("image")];

/** Whatever goes by that name, in docker's order. @throws {NoSuchObject} */
async function inspectAny(store: Store, name: string, options: InspectOptions): Promise<object> {
  const looks: [code: string, look: () => object | Promise<object>][] = [
    ["no-such-image", () => inspect(store, name, options)],
    ["no-such-network", () => networkShape(describeNetwork(store, name))],
    ["no-such-volume", () => volumeShape(describeVolume(store, name))],
  ];
  for (const [code, look] of looks)
    try {
      return await look();
    } catch (error) {
      if (!hasCode(error, code)) throw error;
    }
  throw new NoSuchObject({ text: name });
}
