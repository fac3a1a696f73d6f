/** The floor of the house: errors and brands. It imports nothing of ours. */

// Names with a meaning that the compiler keeps apart.
export type { Brand, ContainerPath, HostPath } from "./brand.ts";
// Errors: one root, a closed set of kinds.
export {
  type AnyTeuError,
  type ErrorKind,
  hasCode,
  isTeuError,
  messageOf,
  TeuError,
  Unsupported,
} from "./errors.ts";
// Results and messages, written whole.
export { print, printError, writeAll } from "./output.ts";
// Which teu this is.
export { commit, version } from "./version.ts";
