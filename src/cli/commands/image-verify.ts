/** `teu image verify`: whether stored images are what their documents say. */
import { print } from "../../base/index.ts";
import { InvalidOption, openEngine, type StoredProblem, verifyImages } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { count, printable } from "../text.ts";

export const command = teuCommand({
  name: "teu image verify",
  summary: "Look whether images are what their documents say",
  description: `Every digest, size, media type, diffID and reference; layers are unpacked in memory. Nothing is changed, and signatures are another matter ('teu verify').
Status 1: something is wrong; each problem is a line.`,
  flags: {
    all: { kind: "boolean", short: "a", summary: "All images that are here, and content that none leads to" },
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE", isOptional: true, isRepeated: true }],
  examples: [
    { command: "teu image verify debian:12", says: "One image" },
    { command: "teu image verify --all", says: "After a fault of the disk" },
  ],
  async run({ flags, arguments: names }, { environment }) {
    if (flags.all === names.length > 0)
      throw new InvalidOption(
        { option: "--all", value: names.join(" ") },
        "Name images to verify, or say --all",
      );
    const store = await openEngine(environment);
    const problems: StoredProblem[] = [];
    for await (const problem of verifyImages(store, flags.all ? undefined : names)) {
      problems.push(problem);
      const { image, digest, problem: text } = problem;
      if (!flags.json) print(`${image ?? "-"}  ${digest}  ${printable(text)}\n`);
    }
    if (flags.json) print(`${JSON.stringify(problems)}\n`);
    else print(problems.length === 0 ? "Everything is right\n" : `${count(problems.length, "problem")}\n`);
    return problems.length === 0 ? 0 : 1;
  },
});
