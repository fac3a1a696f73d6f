/** `start`, with nothing else of the runtime's commands. */
import { only } from "../command/only.ts";
import { start } from "../command/start.ts";

export const runAlone = only({ start });
