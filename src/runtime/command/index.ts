/** runc's command line: an entry of its own, so that a command loads no more than it needs of the runtime. */
export { runCommandLine as runRuntimeCommand } from "./main.ts";
