/** Asks whoever sits at the terminal before what cannot be had again is removed. Docker's words; a program is not asked. */
import { type Flag, TeuError } from "../base/index.ts";
import { isTerminal } from "../sys/index.ts";
import { askLine } from "./ask.ts";

export const FORCE_FLAG = {
  kind: "boolean",
  short: "f",
  summary: "Do not ask; where stdin is no terminal nothing is asked anyhow",
} as const satisfies Flag;

/** The answer was no. */
export class NotConfirmed extends TeuError<"not-confirmed", { command: string }> {
  constructor(context: { command: string }) {
    super("not-confirmed", "cancelled", context, `${context.command} has been cancelled`);
  }
}

/** @param losses  What is going to be removed, as docker says it: `all stopped containers` @throws {NotConfirmed} */
export function confirm(command: string, isForced: boolean, losses: readonly string[]): void {
  if (isForced || !isTerminal(0)) return;
  const [first = "", ...others] = losses;
  const what = others.length === 0 ? ` ${first}.` : `:${losses.map((loss) => `\n  - ${loss}`).join("")}\n`;
  const answer = askLine(`WARNING! This will remove${what}\nAre you sure you want to continue? [y/N] `);
  if (!/^y(es)?$/i.test(answer)) throw new NotConfirmed({ command });
}
