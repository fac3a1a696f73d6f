/** `create` and `run`, with nothing else of the runtime's commands. */
import { create } from "../command/create.ts";
import { only } from "../command/only.ts";
import { run } from "../command/run.ts";

export const runAlone = only({ create, run });
