/** `state`, with nothing else of the runtime's commands. */
import { only } from "../command/only.ts";
import { state } from "../command/state.ts";

export const runAlone = only({ state });
