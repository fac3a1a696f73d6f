/** The floor of the house: errors and brands. It imports nothing of ours. */

// Command lines as declared data: flags and arguments, commands, help.
export {
  type Argument,
  encodeArgument,
  type Flag,
  type Flags,
  type FlagValue,
  type Grammar,
  InvalidFlagValue,
  MissingFlagValue,
  type ParsedArguments,
  parseArguments,
  UnknownFlag,
  UsageError,
  WrongArgumentCount,
} from "./arguments.ts";
// Names with a meaning that the compiler keeps apart.
export type { Brand, ContainerPath, HostPath } from "./brand.ts";
// Words and paths that need not be text.
export { allCalled, asCalled, isCalledByBytes, workingDirectory } from "./called.ts";
export {
  type Callable,
  type Command,
  type CommandShape,
  type CommandTable,
  defineCommand,
  type Entry,
  type Example,
  type HelpPrinter,
  loadCommand,
  UnknownCommand,
} from "./command.ts";
// The end.
export { endBy, endProgram } from "./end.ts";
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
export { encodeFlags, encodeHelp, encodeTableHelp } from "./help.ts";
// Results and messages, written whole.
export { print, printError, writeAll } from "./output.ts";
// One process of one boot: what tells work in progress from what a killed process left.
export { ageMs, bootID, isAlive, type Owner, startTimeOf, thisOwner } from "./owner.ts";
// Several things at once.
export { forEachParallel } from "./parallel.ts";
// Paths as text.
export { normalizePath, resolvePath, splitPath } from "./path.ts";
// Documents in the shape of Go's.
export { NIL_LIST, NIL_MAP, withQuiet } from "./quiet.ts";
export { randomChoice, randomHex } from "./random.ts";
// Where it keeps what it keeps.
export { NoHome, runRoot, stateRoot } from "./state.ts";
// One thing at a time.
export { Turns } from "./turns.ts";
// Which teu this is.
export { commit, version } from "./version.ts";
