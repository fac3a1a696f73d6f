/** `exec`, with nothing else of the runtime's commands. */
import { exec } from "../command/exec.ts";
import { only } from "../command/only.ts";

export const runAlone = only({ exec });
