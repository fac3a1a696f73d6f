/** `teu system repair`: what a check finds is put right, as far as that goes. */
import { print } from "../../base/index.ts";
import { repairAll } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { count } from "../text.ts";

export const command = teuCommand({
  name: "teu system repair",
  summary: "Put right what a check finds",
  description: `Content that lost bits is removed, what is missing is fetched from its registry, layers are unpacked again, volumes that no record knows get one, and what
is left of nothing is removed. Records that are lost are made again of what is there: images, networks, volumes, and containers with what they wrote. Only what is broken goes. Status 1: something could not be put right.`,
  flags: {
    quick: { kind: "boolean", summary: "Look only whether things are there; hash and compare nothing" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu system repair", says: "After a check that found something" }],
  async run({ flags }, { environment }) {
    let [repaired, left] = [0, 0];
    for await (const entry of repairAll(environment, { isDeep: !flags.quick })) {
      if (entry.isRepaired) repaired++;
      else left++;
      const { kind, subject, problem, done } = entry;
      print(flags.json ? `${JSON.stringify(entry)}\n` : `${kind}  ${subject}  ${problem}: ${done}\n`);
    }
    const rest = left === 0 ? "" : `, ${left} left`;
    if (!flags.json)
      print(
        repaired + left === 0 ? "Everything is right\n" : `${count(repaired, "problem")} put right${rest}\n`,
      );
    return left === 0 ? 0 : 1;
  },
});
