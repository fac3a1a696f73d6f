/** Reads the import graph of `src` and fails, with the chain of files, when an arrow is wrong or a circle closes. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const SRC = join(import.meta.dir, "../../src");

/** What each layer may import; itself is always allowed. Source: CONTRIBUTING.md, layers. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  sys: ["base"],
  spec: ["base"],
  content: ["base", "spec"],
  image: ["base", "spec", "content"],
  "distribution/client": ["base", "spec", "content"],
  "distribution/registry": ["base", "spec", "content", "sys"],
  signature: ["base", "spec", "distribution/client"],
  runtime: ["base", "sys", "spec"],
  engine: [
    "base",
    "sys",
    "spec",
    "content",
    "image",
    "distribution/client",
    "distribution/registry",
    "signature",
    "runtime",
  ],
  cli: [
    "base",
    "sys",
    "spec",
    "content",
    "image",
    "distribution/client",
    "distribution/registry",
    "signature",
    "runtime",
    "engine",
  ],
};
/** Entries beside index.ts: what they need of their layer is loaded, and not all of it. */
const MORE_ENTRIES: readonly string[] = [
  "engine/home/index.ts",
  "runtime/alone/index.ts",
  "runtime/command/index.ts",
  "runtime/home/index.ts",
];
/** These also work as a library under Node: no Bun interfaces. */
const PORTABLE = ["spec", "content", "image", "distribution/client", "signature"];

interface Arrow {
  from: string;
  to: string;
  /** Evaluated together with `from`; a dynamic import is not. */
  isStatic: boolean;
  typeOnly: boolean;
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.endsWith(".d.ts"))
    .map((name) => normalize(name));
}

const FROM = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?[^;'"()]*?from\s+["']([^"']+)["']/g;

function arrowsOf(file: string): { arrows: Arrow[]; packages: string[] } {
  const text = readFileSync(join(SRC, file), "utf8");
  const arrows: Arrow[] = [];
  const packages: string[] = [];
  const add = (path: string, isStatic: boolean, typeOnly: boolean): void => {
    if (path.startsWith(".")) {
      if (path.endsWith(".ts"))
        arrows.push({ from: file, to: relative(SRC, join(SRC, dirname(file), path)), isStatic, typeOnly });
    } else packages.push(path);
  };
  for (const found of transpiler.scanImports(text)) add(found.path, found.kind === "import-statement", false);
  for (const match of text.matchAll(FROM))
    if (match[1] !== undefined && match[2] !== undefined) add(match[2], true, true);
  return { arrows, packages };
}

function layerOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT).find((layer) => file.startsWith(`${layer}/`));
}

const files = sources();
const graph = new Map(files.map((file) => [file, arrowsOf(file)]));

test("every file belongs to a layer, but for the entry", () => {
  expect(files.filter((file) => layerOf(file) === undefined && file !== "main.ts")).toEqual([]);
});

test("a layer imports only layers above it", () => {
  const wrong: string[] = [];
  for (const [file, { arrows }] of graph) {
    const from = layerOf(file);
    for (const { to } of arrows) {
      const target = layerOf(to);
      if (from === undefined || target === undefined || from === target) continue;
      if (!MAY_IMPORT[from]?.includes(target))
        wrong.push(`${file} -> ${to}: ${from} may not import ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("a layer is imported through its index.ts", () => {
  const wrong: string[] = [];
  for (const [file, { arrows }] of graph) {
    for (const { to } of arrows) {
      const target = layerOf(to);
      if (target === undefined || target === layerOf(file) || to === `${target}/index.ts`) continue;
      if (!MORE_ENTRIES.includes(to)) wrong.push(`${file} -> ${to}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("what works under Node uses no interface of Bun", () => {
  const wrong: string[] = [];
  for (const [file, { packages }] of graph) {
    if (!PORTABLE.includes(layerOf(file) ?? "")) continue;
    for (const name of packages)
      if (name === "bun" || name.startsWith("bun:")) wrong.push(`${file} -> ${name}`);
    if (/\bBun\./.test(readFileSync(join(SRC, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")))
      wrong.push(`${file} uses Bun.*`);
  }
  expect(wrong).toEqual([]);
});

test("no import cycles: splitting would reorder their evaluation", () => {
  const done = new Set<string>();
  const path: string[] = [];
  const cycles: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      cycles.push([...path.slice(at), file].join(" -> "));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const { to, isStatic, typeOnly } of graph.get(file)?.arrows ?? [])
      if (isStatic && !typeOnly) visit(to);
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
  expect(cycles).toEqual([]);
});
