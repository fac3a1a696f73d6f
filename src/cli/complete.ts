/**
 * How a command line may go on: from the declared data of the commands, and from what is there by now. Nothing is said where files of
 * this machine are meant; shells know those.
 */
import type { Argument, Callable, CommandShape, CommandTable, Flags } from "../base/index.ts";
import {
  describeNetworks,
  describeVolumes,
  listContainers,
  listImages,
  openEngine,
  type Store,
} from "../engine/index.ts";
import type { CliContext } from "./context.ts";
import { COMMANDS } from "./table.ts";

/** The names of what a word of help stands for. */
const NAMES: Readonly<Record<string, (store: Store) => string[]>> = {
  CONTAINER: (store) => listContainers(store).map(({ name }) => name),
  IMAGE: (store) => listImages(store).map(({ name }) => name),
  NETWORK: (store) => describeNetworks(store).map(({ name }) => name),
  VOLUME: (store) => describeVolumes(store).map(({ name }) => name),
  NAME: (store) => ["CONTAINER", "IMAGE"].flatMap((kind) => NAMES[kind]?.(store) ?? []),
};

/** Whose values are names, by the flag. */
const FLAG_VALUES: Readonly<Record<string, string>> = { network: "NETWORK", volume: "VOLUME" };

/** @param words  All after `teu`; the last is to be completed, and may be empty. */
export async function complete(words: readonly string[], context: CliContext): Promise<string[]> {
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  let table: CommandTable<CliContext> = COMMANDS;
  for (const [index, word] of before.entries()) {
    const found: Callable<CliContext> | undefined = await load(table, word);
    if (found === undefined) return [];
    if (found.table === undefined)
      return await ofCommand(found.shape, before.slice(index + 1), last, context);
    table = found.table;
  }
  const known = Object.entries(table).flatMap(([word, { hidden }]) => (hidden ? [] : [word]));
  return beginning(last, known);
}

async function load(
  table: CommandTable<CliContext>,
  word: string,
): Promise<Callable<CliContext> | undefined> {
  const entry = Object.hasOwn(table, word) ? table[word] : undefined;
  return await entry?.load();
}

async function ofCommand(
  shape: CommandShape,
  before: readonly string[],
  last: string,
  context: CliContext,
): Promise<string[]> {
  const flag = flagOf(shape.flags, before.at(-1) ?? "");
  if (flag?.takesValue) return await namesOf(FLAG_VALUES[flag.name], last, context);
  const [, name = "", value] = /^--([^=]+)=(.*)$/s.exec(last) ?? [];
  if (value !== undefined)
    return (await namesOf(FLAG_VALUES[name], value, context)).map((word) => `--${name}=${word}`);
  if (last.startsWith("-")) return beginning(last, flagWords(shape.flags));
  const argument = argumentAt(shape, before);
  if (argument === undefined) return [];
  // One of the two ends of a copy.
  if (shape.name === "teu cp")
    return last.includes(":") ? [] : (await namesOf("CONTAINER", last, context)).map((word) => `${word}:`);
  return await namesOf(argument.name, last, context);
}

function flagWords(flags: Flags): string[] {
  return Object.entries(flags).flatMap(([name, flag]) => (flag.hidden ? [] : [`--${name}`]));
}

/** The flag that a word is, and whether the next word is its value. */
function flagOf(flags: Flags, word: string): { name: string; takesValue: boolean } | undefined {
  for (const [name, flag] of Object.entries(flags)) {
    const isIt = word === `--${name}` || (flag.short !== undefined && word === `-${flag.short}`);
    const isBare = flag.kind === "string" && flag.bare !== undefined;
    if (isIt) return { name, takesValue: flag.kind !== "boolean" && !isBare };
  }
  return undefined;
}

/** The argument that comes next. */
function argumentAt(shape: CommandShape, before: readonly string[]): Argument | undefined {
  let count = 0;
  for (let at = 0; at < before.length; at++) {
    const word = before[at] ?? "";
    if (!word.startsWith("-")) count++;
    else if (flagOf(shape.flags, word)?.takesValue) at++;
  }
  const { arguments: all } = shape;
  const lastOne = all.at(-1);
  return all[count] ?? (lastOne?.isRepeated ? lastOne : undefined);
}

async function namesOf(kind: string | undefined, prefix: string, context: CliContext): Promise<string[]> {
  const list = kind === undefined || !Object.hasOwn(NAMES, kind) ? undefined : NAMES[kind];
  if (list === undefined || process.geteuid?.() !== 0) return [];
  return beginning(prefix, list(await openEngine(context.environment)));
}

function beginning(prefix: string, words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith(prefix)).sort();
}
