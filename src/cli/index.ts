/** What people see: the commands of `teu`. */

// The dispatch from a program name and its words to a command.
export { main } from "./main.ts";
