/**
 * Command line arguments as declared data: flags and arguments in, typed values or one typed error out.
 * Understood: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-f=value`, clusters (`-it`), `--switch=false`,
 * flags whose value may be left out, repeated flags, `--`, a lone `-` as an argument and, where a table says so, Go's `-flag`.
 */
import { closest } from "./closest.ts";
import { TeuError } from "./errors.ts";

interface AnyFlag {
  /** One character: `m` for `-m`. */
  readonly short?: string;
  /** Other long names that mean the same; help does not show them. */
  readonly aliases?: readonly string[];
  /** What it does, in a few words, without a full stop. */
  readonly summary: string;
  readonly hidden?: boolean;
}
/** On or off. */
export interface BooleanFlag extends AnyFlag {
  readonly kind: "boolean";
  /** What it is unless given; absent: off. */
  readonly default?: true;
}
/** A text; the last one given counts. */
export interface StringFlag extends AnyFlag {
  readonly kind: "string";
  /** What help calls the value: `DIR`. */
  readonly value: string;
  readonly default?: string;
  /** What `--flag` alone means; another value must be attached then: `--flag=value`. */
  readonly bare?: string;
}
/** A whole decimal number; the last one given counts. */
export interface IntegerFlag extends AnyFlag {
  readonly kind: "integer";
  readonly value: string;
  readonly default?: number;
}
/** Texts, one each time the flag is given. */
export interface ListFlag extends AnyFlag {
  readonly kind: "list";
  readonly value: string;
}
export type Flag = BooleanFlag | StringFlag | IntegerFlag | ListFlag;

/** Flags by their long names, spelt as on the command line. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a flag's value is after parsing. */
export type FlagValue<F extends Flag> = F extends { readonly kind: "boolean" }
  ? boolean
  : F extends { readonly kind: "list" }
    ? readonly string[]
    : F extends { readonly kind: "integer" }
      ? F extends { readonly default: number }
        ? number
        : number | undefined
      : F extends { readonly default: string }
        ? string
        : string | undefined;

/** A positional argument, for help and for counting. */
export interface Argument {
  /** What help calls it: `IMAGE`. */
  readonly name: string;
  readonly isOptional?: boolean;
  /** Takes all that follow; only the last one may. */
  readonly isRepeated?: boolean;
}

/** What a command line is read by. */
export interface Grammar<F extends Flags = Flags> {
  /** The words that lead here, for messages: `teu runtime create`. */
  readonly name: string;
  readonly flags: F;
  readonly arguments: readonly Argument[];
  /** The first argument ends the flags: what follows belongs to another program. */
  readonly stopsAtArgument?: boolean;
  /** `-bundle` is `--bundle`, as Go's flag package has it. */
  readonly takesSingleDash?: boolean;
}

/** A command line that fits its grammar. */
export interface ParsedArguments<F extends Flags = Flags> {
  readonly flags: { readonly [K in keyof F]: FlagValue<F[K]> };
  readonly arguments: readonly string[];
  /** Long names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  /** `--help`, or `-h` where no flag has that letter. Nothing else has been checked then. */
  readonly wantsHelp: boolean;
}

/** The caller wrote a command line that we do not understand. `context.command` is what was asked for help on. */
export class UsageError<Code extends string, Context extends { command: string }> extends TeuError<
  Code,
  Context
> {
  constructor(code: Code, context: Context, message: string, meant?: string) {
    const guess = meant === undefined ? "" : `Did you mean ${meant}? `;
    super(code, "invalid", context, message, { hint: `${guess}See "${context.command} --help"` });
  }
}

/** No such flag. */
export class UnknownFlag extends UsageError<"unknown-flag", { command: string; flag: string }> {
  constructor(context: { command: string; flag: string }, meant?: string) {
    super("unknown-flag", context, `Unknown flag ${context.flag} of ${context.command}`, meant);
  }
}

/** The command line ends where a flag's value should be. */
export class MissingFlagValue extends UsageError<"missing-flag-value", { command: string; flag: string }> {
  constructor(context: { command: string; flag: string }) {
    super("missing-flag-value", context, `Missing value of flag ${context.flag} of ${context.command}`);
  }
}

/** A flag's value is not of its kind. */
export class InvalidFlagValue extends UsageError<
  "invalid-flag-value",
  { command: string; flag: string; value: string; wants: string }
> {
  constructor(context: { command: string; flag: string; value: string; wants: string }) {
    const { flag, command, value, wants } = context;
    super(
      "invalid-flag-value",
      context,
      `Invalid value ${JSON.stringify(value)} of flag ${flag} of ${command}: wants ${wants}`,
    );
  }
}

/** Too few or too many arguments. */
export class WrongArgumentCount extends UsageError<
  "wrong-argument-count",
  { command: string; wants: string; found: number }
> {
  constructor(context: { command: string; wants: string; found: number }) {
    const { command, wants, found } = context;
    super("wrong-argument-count", context, `Wrong arguments of ${command}: found ${found}, wants ${wants}`);
  }
}

/**
 * Reads `argv` (without the program and the command's own name) by `grammar`.
 * @throws {UnknownFlag} {MissingFlagValue} {InvalidFlagValue} {WrongArgumentCount}
 */
export function parseArguments<const F extends Flags>(
  grammar: Grammar<F>,
  argv: readonly string[],
): ParsedArguments<F> {
  const reader = new Reader(grammar);
  let next = 0;
  while (next < argv.length && !reader.wantsHelp) {
    const word = argv[next] ?? "";
    if (word === "--") {
      reader.rest.push(...argv.slice(next + 1));
      break;
    }
    if (word.startsWith("-") && word.length > 1) {
      next = word.startsWith("--") ? reader.long(argv, next, 2) : reader.short(argv, next);
      continue;
    }
    if (grammar.stopsAtArgument) {
      reader.rest.push(...argv.slice(next));
      break;
    }
    reader.rest.push(word);
    next++;
  }
  if (!reader.wantsHelp) checkCount(grammar, reader.rest);
  return {
    // Reader fills every name of F by its kind.
    flags: reader.values as ParsedArguments<F>["flags"],
    arguments: reader.rest,
    given: reader.given,
    wantsHelp: reader.wantsHelp,
  };
}

/** Takes one word at a time; each method returns the index of the next word. */
class Reader {
  readonly values: Record<string, unknown> = {};
  readonly given = new Set<string>();
  readonly rest: string[] = [];
  wantsHelp = false;
  readonly #grammar: Grammar;
  readonly #long = new Map<string, string>();
  readonly #short = new Map<string, string>();

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
    for (const name in grammar.flags) {
      const flag = grammar.flags[name];
      if (flag === undefined) continue;
      this.#long.set(name, name);
      for (const alias of flag.aliases ?? []) this.#long.set(alias, name);
      if (flag.short !== undefined) this.#short.set(flag.short, name);
      this.values[name] =
        flag.kind === "boolean"
          ? (flag.default ?? false)
          : flag.kind === "list"
            ? []
            : (flag.default ?? undefined);
    }
  }

  /** `--flag`, `--flag=value`, and with one dash where that is allowed. */
  long(argv: readonly string[], index: number, dashes: number): number {
    const word = (argv[index] ?? "").slice(dashes);
    const equals = word.indexOf("=");
    const spelt = equals < 0 ? word : word.slice(0, equals);
    const name = this.#long.get(spelt);
    if (name === undefined) {
      if (word === "help") {
        this.wantsHelp = true;
        return index + 1;
      }
      const meant = closest(spelt, this.#long.keys());
      throw new UnknownFlag({ command: this.#grammar.name, flag: `--${spelt}` }, meant && `--${meant}`);
    }
    return this.#take(name, `--${spelt}`, equals < 0 ? undefined : word.slice(equals + 1), argv, index + 1);
  }

  /** `-f`, `-fvalue`, `-f=value`, `-abc`. */
  short(argv: readonly string[], index: number): number {
    const word = (argv[index] ?? "").slice(1);
    if (this.#grammar.takesSingleDash) {
      const spelt = word.split("=", 1)[0] ?? "";
      if (this.#long.has(spelt) || spelt === "help") return this.long(argv, index, 1);
    }
    for (let at = 0; at < word.length; at++) {
      const letter = word[at] ?? "";
      const name = this.#short.get(letter);
      if (name === undefined) {
        if (letter !== "h") throw new UnknownFlag({ command: this.#grammar.name, flag: shown(letter, word) });
        this.wantsHelp = true;
        return index + 1;
      }
      const after = word.slice(at + 1);
      const isSwitch = this.#grammar.flags[name]?.kind === "boolean";
      if (isSwitch && !after.startsWith("=")) {
        this.#take(name, `-${letter}`, "true", argv, index + 1);
        continue;
      }
      const value = after === "" ? undefined : after.startsWith("=") ? after.slice(1) : after;
      return this.#take(name, `-${letter}`, value, argv, index + 1);
    }
    return index + 1;
  }

  #take(
    name: string,
    spelt: string,
    attached: string | undefined,
    argv: readonly string[],
    next: number,
  ): number {
    const flag = this.#grammar.flags[name];
    const command = this.#grammar.name;
    this.given.add(name);
    if (flag?.kind === "boolean") {
      const value = BOOLEANS.get(attached ?? "true");
      if (value === undefined)
        throw new InvalidFlagValue({ command, flag: spelt, value: attached ?? "", wants: "true or false" });
      this.values[name] = value;
      return next;
    }
    const bare = flag?.kind === "string" ? flag.bare : undefined;
    const value = attached ?? bare ?? argv[next];
    if (value === undefined) throw new MissingFlagValue({ command, flag: spelt });
    if (flag?.kind === "list") this.values[name] = [...(this.values[name] as string[]), value];
    else if (flag?.kind === "integer") this.values[name] = integer(value, spelt, command);
    else this.values[name] = value;
    return attached === undefined && bare === undefined ? next + 1 : next;
  }
}

/** The words that Go's strconv.ParseBool takes; docker and runc both use it. */
const BOOLEANS = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((word) => [word, false] as const),
]);

function integer(value: string, flag: string, command: string): number {
  const number = Number(value);
  if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(number))
    throw new InvalidFlagValue({ command, flag, value, wants: "a whole number" });
  return number;
}

function shown(letter: string, word: string): string {
  return word.length === 1 ? `-${letter}` : `-${letter} (in -${word})`;
}

function checkCount(grammar: Grammar, found: readonly string[]): void {
  const min = grammar.arguments.filter((argument) => !argument.isOptional).length;
  const max = grammar.arguments.at(-1)?.isRepeated ? Number.POSITIVE_INFINITY : grammar.arguments.length;
  if (found.length >= min && found.length <= max) return;
  const wants = max === 0 ? "none" : grammar.arguments.map(encodeArgument).join(" ");
  throw new WrongArgumentCount({ command: grammar.name, wants, found: found.length });
}

/** `IMAGE`, `[COMMAND]`, `FILE...`. */
export function encodeArgument({ name, isOptional, isRepeated }: Argument): string {
  const text = isRepeated ? `${name}...` : name;
  return isOptional ? `[${text}]` : text;
}
