/** One of the options of a container is not what it must be. */
import { TeuError } from "../../base/index.ts";

/** `option` is spelt as on the command line, `message` in docker's words where docker has them. */
export class InvalidOption extends TeuError<"invalid-option", { option: string; value: string }> {
  constructor(context: { option: string; value: string }, message: string) {
    super("invalid-option", "invalid", context, message);
  }
}
