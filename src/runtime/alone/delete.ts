/** `delete`, with nothing else of the runtime's commands. */
import { remove } from "../command/delete.ts";
import { only } from "../command/only.ts";

export const runAlone = only({ delete: remove });
