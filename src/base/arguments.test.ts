import { expect, test } from "bun:test";
import { type Grammar, parseArguments, UsageError } from "./arguments.ts";
import { type Callable, type CommandTable, defineCommand, loadCommand } from "./command.ts";
import { encodeHelp, encodeTableHelp } from "./help.ts";

const flags = {
  interactive: { kind: "boolean", short: "i", summary: "Keep stdin open" },
  tty: { kind: "boolean", short: "t", summary: "Allocate a terminal" },
  memory: { kind: "string", short: "m", value: "BYTES", summary: "Memory limit" },
  env: { kind: "list", short: "e", value: "NAME=VALUE", summary: "Environment" },
  "preserve-fds": { kind: "integer", value: "N", summary: "Keep descriptors", default: 0 },
  network: { kind: "string", value: "MODE", summary: "Network", default: "none", aliases: ["net"] },
  trace: { kind: "string", value: "FORMAT", summary: "Tell what happens", bare: "text" },
} as const;
const grammar: Grammar<typeof flags> = {
  name: "teu run",
  flags,
  arguments: [{ name: "IMAGE" }, { name: "ARG", isOptional: true, isRepeated: true }],
};
const BARE = {
  interactive: false,
  tty: false,
  memory: undefined,
  env: [],
  "preserve-fds": 0,
  network: "none",
  trace: undefined,
};

const right = [
  { says: "nothing but an argument", argv: "x", flags: {}, rest: ["x"] },
  { says: "a long flag and its value", argv: "--memory 1g x", flags: { memory: "1g" }, rest: ["x"] },
  { says: "a long flag with =", argv: "--memory=a=b x", flags: { memory: "a=b" }, rest: ["x"] },
  { says: "an empty value", argv: "--memory= x", flags: { memory: "" }, rest: ["x"] },
  { says: "a short flag and its value", argv: "-m 1g x", flags: { memory: "1g" }, rest: ["x"] },
  { says: "a short flag with its value attached", argv: "-m1g x", flags: { memory: "1g" }, rest: ["x"] },
  { says: "a short flag with =", argv: "-m=1g x", flags: { memory: "1g" }, rest: ["x"] },
  { says: "a cluster", argv: "-it x", flags: { interactive: true, tty: true }, rest: ["x"] },
  {
    says: "a cluster that ends in a value",
    argv: "-itm 1g x",
    flags: { interactive: true, tty: true, memory: "1g" },
    rest: ["x"],
  },
  {
    says: "a repeated flag",
    argv: "-e A=1 --env B=2 -eC= x",
    flags: { env: ["A=1", "B=2", "C="] },
    rest: ["x"],
  },
  { says: "the last of two values", argv: "-m 1 -m 2 x", flags: { memory: "2" }, rest: ["x"] },
  { says: "a flag whose value is left out", argv: "--trace x", flags: { trace: "text" }, rest: ["x"] },
  {
    says: "a flag whose value is not left out",
    argv: "--trace=json x",
    flags: { trace: "json" },
    rest: ["x"],
  },
  { says: "a switch turned off", argv: "--tty --tty=false x", flags: {}, rest: ["x"] },
  { says: "a short switch turned off", argv: "-t=false x", flags: {}, rest: ["x"] },
  { says: "a number", argv: "--preserve-fds 3 x", flags: { "preserve-fds": 3 }, rest: ["x"] },
  { says: "a value that begins with a dash", argv: "-m -1 x", flags: { memory: "-1" }, rest: ["x"] },
  { says: "another name", argv: "--net host x", flags: { network: "host" }, rest: ["x"] },
  { says: "flags after arguments", argv: "x y -t", flags: { tty: true }, rest: ["x", "y"] },
  { says: "-- as the end of flags", argv: "-t -- -i --tty", flags: { tty: true }, rest: ["-i", "--tty"] },
  { says: "a lone dash as an argument", argv: "-t -", flags: { tty: true }, rest: ["-"] },
];

test.each(right)("parseArguments() takes $says", ({ argv, flags: want, rest }) => {
  const parsed = parseArguments(grammar, argv.split(" "));
  expect<object>(parsed.flags).toEqual({ ...BARE, ...want });
  expect(parsed.arguments).toEqual(rest);
});

test("parseArguments() leaves what follows the first argument alone where the grammar says so", () => {
  const parsed = parseArguments({ ...grammar, stopsAtArgument: true }, ["-t", "x", "-i", "--", "--what"]);
  expect(parsed.flags.tty).toBe(true);
  expect(parsed.flags.interactive).toBe(false);
  expect(parsed.arguments).toEqual(["x", "-i", "--", "--what"]);
});

test("parseArguments() takes Go's single dash only where the grammar says so", () => {
  const go = { ...grammar, takesSingleDash: true };
  expect(parseArguments(go, ["-memory", "1g", "-network=host", "-it", "x"]).flags).toMatchObject({
    memory: "1g",
    network: "host",
    tty: true,
  });
  expect(parseArguments(go, ["-help"]).wantsHelp).toBe(true);
  expect(() => parseArguments(grammar, ["-network=host", "x"])).toThrow(
    "Unknown flag -n (in -network=host) of teu run",
  );
});

const wrong = [
  { says: "an unknown long flag", argv: "--what x", want: "Unknown flag --what of teu run" },
  { says: "an unknown short flag", argv: "-w x", want: "Unknown flag -w of teu run" },
  { says: "an unknown letter of a cluster", argv: "-iw x", want: "Unknown flag -w (in -iw) of teu run" },
  { says: "a missing value", argv: "x --memory", want: "Missing value of flag --memory of teu run" },
  { says: "a missing short value", argv: "x -m", want: "Missing value of flag -m of teu run" },
  {
    says: "a switch that is neither",
    argv: "--tty=maybe x",
    want: 'Invalid value "maybe" of flag --tty of teu run: wants true or false',
  },
  {
    says: "a number that is none",
    argv: "--preserve-fds 1x x",
    want: 'Invalid value "1x" of flag --preserve-fds of teu run: wants a whole number',
  },
  {
    says: "an empty number",
    argv: "--preserve-fds= x",
    want: 'Invalid value "" of flag --preserve-fds of teu run: wants a whole number',
  },
  {
    says: "too few arguments",
    argv: "-t",
    want: "Wrong arguments of teu run: found 0, wants IMAGE [ARG...]",
  },
  {
    says: "a flag named as a property of objects",
    argv: "--constructor x",
    want: "Unknown flag --constructor of teu run",
  },
];

test.each(wrong)("parseArguments() refuses $says", ({ argv, want }) => {
  const parse = (): unknown => parseArguments(grammar, argv.split(" "));
  expect(parse).toThrow(UsageError);
  expect(parse).toThrow(want);
});

test("parseArguments() refuses arguments where there are none to give", () => {
  expect(() => parseArguments({ name: "teu version", flags: {}, arguments: [] }, ["x"])).toThrow(
    "Wrong arguments of teu version: found 1, wants none",
  );
});

test("parseArguments() tells -h from a flag that has the letter", () => {
  expect(parseArguments(grammar, ["-h"]).wantsHelp).toBe(true);
  const host = {
    ...grammar,
    flags: { hostname: { kind: "string", short: "h", value: "NAME", summary: "x" } },
  } as const;
  expect(parseArguments(host, ["-h", "a", "x"]).flags.hostname).toBe("a");
  expect(parseArguments(host, ["--help"]).wantsHelp).toBe(true);
});

test("encodeHelp() shows usage, flags, examples, and no hidden flag", () => {
  const shape = {
    name: "teu kill",
    summary: "Send a signal",
    flags: {
      signal: { kind: "string", short: "s", value: "SIGNAL", summary: "Which", default: "KILL" },
      all: { kind: "boolean", summary: "x", hidden: true },
    },
    arguments: [{ name: "CONTAINER", isRepeated: true }],
    examples: [{ command: "teu kill web", says: "End a container at once" }],
  } as const;
  expect(encodeHelp(shape)).toBe(
    `Send a signal

Usage:
  teu kill [flags] CONTAINER...

Flags:
  -s, --signal SIGNAL  Which (default KILL)

Examples:
  # End a container at once
  teu kill web
`,
  );
});

interface Context {
  readonly shown: string[];
  printHelp(shape: { name: string }): void;
}

function context(): Context {
  const shown: string[] = [];
  return { shown, printHelp: ({ name }) => void shown.push(name) };
}

function table(): { table: CommandTable<Context>; loaded: string[] } {
  const loaded: string[] = [];
  const kill: Callable<Context> = defineCommand({
    name: "teu kill",
    summary: "Send a signal",
    flags: { force: { kind: "boolean", short: "f", summary: "x" } },
    arguments: [{ name: "CONTAINER" }],
    examples: [],
    run: ({ flags: { force }, arguments: [name] }, { shown }) => shown.push(`${name} ${force}`) + 6,
  });
  return {
    loaded,
    table: {
      kill: { summary: "Send a signal", load: () => Promise.resolve(loaded.push("kill")).then(() => kill) },
      gone: { summary: "x", hidden: true, load: () => Promise.reject(new Error("loaded")) },
    },
  };
}

test("loadCommand() loads only the command that is called, and passes words, context and status on", async () => {
  const { table: commands, loaded } = table();
  const to = context();
  const found = await loadCommand(commands, "kill", "teu");
  expect(await found.call(["-f", "web"], to)).toBe(7);
  expect(await found.call(["--help"], to)).toBe(0);
  expect(to.shown).toEqual(["web true", "teu kill"]);
  expect(loaded).toEqual(["kill"]);
});

test.each(["what", "constructor", "__proto__"])("loadCommand() refuses %s", async (word) => {
  expect(loadCommand(table().table, word, "teu")).rejects.toThrow(
    `Unknown command ${JSON.stringify(word)} of teu`,
  );
});

test("encodeTableHelp() lists commands without loading one", () => {
  const { table: commands, loaded } = table();
  const shape = { name: "teu", summary: "Containers", flags: {}, arguments: [], examples: [] };
  expect(encodeTableHelp(shape, commands)).toContain("Commands:\n  kill  Send a signal\n");
  expect(encodeTableHelp(shape, commands)).not.toContain("gone");
  expect(loaded).toEqual([]);
});
