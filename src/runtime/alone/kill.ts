/** `kill`, with nothing else of the runtime's commands. */
import { kill } from "../command/kill.ts";
import { only } from "../command/only.ts";

export const runAlone = only({ kill });
