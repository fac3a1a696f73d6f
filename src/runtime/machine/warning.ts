/** What is told and changes nothing. Source: runtime-spec runtime.md, Warnings. */
import { messageOf, printError, TeuError } from "../../base/index.ts";
import type { Capabilities } from "../../spec/index.ts";
import { unknownCapabilities } from "../compile/capabilities.ts";

/** Takes a warning. */
export type OnWarning = (error: unknown) => void;

/** Where there is no log. */
export function printWarning(error: unknown): void {
  printError(`${messageOf(error)}\n`);
}

/** Names of capabilities that mean nothing here. Source: config.md, process.capabilities: it is no failure. The words are runc's. */
export class UnknownCapabilities extends TeuError<"unknown-capabilities", { names: readonly string[] }> {
  constructor(context: { names: readonly string[] }) {
    super(
      "unknown-capabilities",
      "invalid",
      context,
      `ignoring unknown or unavailable capabilities: [${context.names.join(" ")}]`,
    );
  }
}

/** Tells of the names that are left out. */
export function warnOfCapabilities(
  capabilities: Capabilities | undefined,
  onWarning: OnWarning = printWarning,
): void {
  const names = unknownCapabilities(capabilities);
  if (names.length > 0) onWarning(new UnknownCapabilities({ names }));
}
