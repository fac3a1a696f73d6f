/** `teu system check`: whether all that the records say is there and right. */
import { print } from "../../base/index.ts";
import { checkStore, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { count } from "../text.ts";

export const command = teuCommand({
  name: "teu system check",
  summary: "Look whether everything is there and right",
  description: `Reads and hashes all content, compares layers with what they were unpacked to, follows images, containers, volumes and networks, and finds what no
record knows. Nothing is changed. Status 1: something is wrong; each problem is a line.`,
  flags: {
    quick: { kind: "boolean", summary: "Look only whether it is there; hash and compare nothing" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu system check", says: "After a crash, or now and then" }],
  async run({ flags }, { environment }) {
    const store = await openEngine(environment);
    let problems = 0;
    for await (const problem of checkStore(store, { isDeep: !flags.quick })) {
      problems++;
      const { kind, subject, problem: text } = problem;
      print(flags.json ? `${JSON.stringify(problem)}\n` : `${kind}  ${subject}  ${text}\n`);
    }
    if (!flags.json) print(problems === 0 ? "Everything is right\n" : `${count(problems, "problem")}\n`);
    return problems === 0 ? 0 : 1;
  },
});
