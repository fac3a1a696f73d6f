/** `teu inspect`: all that is known of images and containers, as JSON or by a template. */
import { print } from "../../base/index.ts";
import { inspect, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { compileTemplate } from "../template/evaluate.ts";

export const command = teuCommand({
  name: "teu inspect",
  summary: "Show all that is known of images and containers, as JSON",
  description:
    "Docker's keys, which begin with capitals, stand beside those that 'teu ps' and 'teu images' have too.",
  flags: {
    format: { kind: "string", short: "f", value: "TEMPLATE", summary: "Show this of each: '{{.State.Pid}}'" },
  },
  arguments: [{ name: "NAME", isRepeated: true }],
  examples: [
    { command: "teu inspect debian:12", says: "Its documents, as they are stored" },
    { command: "teu inspect -f '{{.NetworkSettings.IPAddress}}' web", says: "One thing alone" },
  ],
  async run({ flags, arguments: names }, { environment }) {
    const { format } = flags;
    const isJSON = format === undefined || format === "json";
    const render = isJSON ? undefined : compileTemplate(format);
    const store = await openEngine(environment);
    const found = await Promise.all(names.map((name) => inspect(store, name)));
    if (render !== undefined) print(found.map((one) => `${render(one)}\n`).join(""));
    else print(`${JSON.stringify(found, undefined, format === "json" ? undefined : 2)}\n`);
    return 0;
  },
});
