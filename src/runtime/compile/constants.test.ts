/** Plans had x86's numbers of these on arm64 too, where they mean something else. */
import { expect, test } from "bun:test";
import { O } from "../../sys/index.ts";
import * as constants from "./constants.ts";

test("the open flags of plans are the machine's", () => {
  const flags = Object.entries(constants).filter(([name]) => name.startsWith("O_"));
  expect(flags.length).toBeGreaterThan(8);
  const known: Readonly<Record<string, number>> = O;
  for (const [name, value] of flags) expect([name, value]).toEqual([name, known[name.slice(2)] ?? -1]);
});
