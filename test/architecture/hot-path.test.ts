/**
 * What a command of a container's life loads, as the bundler cuts it. Each module of node: would cost it a quarter of a
 * millisecond to two, where starting a container takes ten.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ALONE } from "../../scripts/alone.ts";

const SRC = join(import.meta.dir, "../../src");
const COMMANDS = ["create", "delete", "exec", "kill", "run", "start", "state"];
const ENTRIES = [
  "main.ts",
  "runtime/command/index.ts",
  ...COMMANDS.map((name) => `runtime/command/${name}.ts`),
];

/** Commands of the engine, and what none of them needs before it has something to unpack, to sign or to send: two to six milliseconds each. */
const ENGINE_ENTRIES = ["exec", "logs", "ps", "rm", "run", "start", "stop"].map(
  (name) => `cli/commands/${name}.ts`,
);
const SLOW = ["crypto", "http", "net", "stream", "stream/promises", "tls", "util", "zlib"];

/** By its path in the bundle: what each piece imports at once. */
type Imports = ReadonlyMap<string, readonly string[]>;
let commands: Imports;

beforeAll(async () => {
  commands = await cut(ENTRIES);
});

async function cut(entries: readonly string[]): Promise<Imports> {
  const imports = new Map<string, string[]>();
  const { outputs } = await Bun.build({
    entrypoints: entries.map((name) => join(SRC, name)),
    root: SRC,
    target: "bun",
    splitting: true,
    define: { TEU_VERSION: '""', TEU_COMMIT: '""' },
  });
  const transpiler = new Bun.Transpiler({ loader: "js" });
  for (const { path, kind, text } of await Promise.all(
    outputs.map(async (output) => ({ path: output.path, kind: output.kind, text: await output.text() })),
  )) {
    if (kind !== "entry-point" && kind !== "chunk") continue;
    const found = transpiler.scanImports(text).filter((arrow) => arrow.kind === "import-statement");
    imports.set(
      join("/", path),
      found.map((arrow) => (arrow.path.startsWith(".") ? join("/", path, "..", arrow.path) : arrow.path)),
    );
  }
  return imports;
}

/** The modules of others that `piece` needs, each with the way to it. */
function packagesOf(
  imports: Imports,
  piece: string,
  way: readonly string[] = [],
  done = new Set<string>(),
): string[] {
  if (done.has(piece)) return [];
  done.add(piece);
  const here = [...way, piece];
  return (imports.get(piece) ?? [`(no such piece: ${piece})`]).flatMap((name) =>
    name.startsWith("/") ? packagesOf(imports, name, here, done) : [[...here, name].join(" -> ")],
  );
}

describe("loads no module but bun:ffi:", () => {
  test.each(ENTRIES)("%s", (entry) => {
    const packages = packagesOf(commands, `/${entry.replace(/\.ts$/, ".js")}`);
    expect(packages.filter((way) => !way.endsWith(" bun:ffi"))).toEqual([]);
  });

  // As they are in the executable: bundled by itself.
  test.each(ALONE)("runtime/alone/%s.ts", async (name) => {
    const packages = packagesOf(await cut([`runtime/alone/${name}.ts`]), `/runtime/alone/${name}.js`);
    expect(packages.map((way) => way.slice(way.lastIndexOf(" ") + 1))).toEqual(["bun:ffi"]);
  });

  // By itself: whether the bundler leaves out what a command does not use of it depends on the other commands.
  test("all of base", async () => {
    expect(packagesOf(await cut(["base/index.ts"]), "/base/index.js")).toEqual([]);
  });
});

describe("loads no module that is slow to load:", () => {
  let engine: Imports;
  beforeAll(async () => {
    // From the program's own entry too: what is loaded by `import()` somewhere is cut out whole.
    engine = await cut(["main.ts", ...ENGINE_ENTRIES]);
  });

  test.each(ENGINE_ENTRIES)("%s", (entry) => {
    const packages = packagesOf(engine, `/${entry.replace(/\.ts$/, ".js")}`);
    const names = SLOW.flatMap((name) => [name, `node:${name}`]);
    expect(packages.filter((way) => names.includes(way.slice(way.lastIndexOf(" ") + 1)))).toEqual([]);
    expect(packages.some((way) => way.endsWith(" bun:sqlite"))).toBe(true);
  });
});

// What reads content needs node:fs: a millisecond, as long as the kernel takes for all of `exec`.
describe("loads nothing but bun:ffi and bun:sqlite:", () => {
  const entries = ["cli/commands/exec.ts", "cli/commands/ps.ts", "engine/driver/own-exec.ts"];
  let engine: Imports;
  beforeAll(async () => {
    engine = await cut(["main.ts", ...entries]);
  });

  test.each(entries)("%s", (entry) => {
    const packages = packagesOf(engine, `/${entry.replace(/\.ts$/, ".js")}`);
    expect(packages.filter((way) => !/ bun:(ffi|sqlite)$/.test(way))).toEqual([]);
  });
});

// It is followed by another start of the program, which loads the command.
test("a plain user's way into their home loads neither the engine nor the runtime", async () => {
  const way = packagesOf(await cut(["main.ts", "engine/home/index.ts"]), "/engine/home/index.js");
  const names = new Set(way.map((one) => one.slice(one.lastIndexOf(" ") + 1).replace(/^node:/, "")));
  expect([...names].sort()).toEqual(["bun:ffi", "fs", "path"]);
});
