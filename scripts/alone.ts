/** The files of src/runtime/alone, each bundled by itself: what `scripts/build.ts` puts in their place. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { BunPlugin } from "bun";

const FOLDER = join(import.meta.dir, "../src/runtime/alone");

/** Their names, without `.ts`. */
export const ALONE: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".ts") && file !== "index.ts")
  .map((file) => file.slice(0, -".ts".length));

/**
 * Bundles each of them, for the bundler of the program to take instead of its source.
 * @param define  What the build stamps in. @param out  An empty folder, until the program is bundled.
 */
export async function aloneBundles(define: Record<string, string>, out: string): Promise<BunPlugin> {
  // Before the other bundler begins: one that waits for another waits for ever.
  for (const name of ALONE)
    await Bun.build({
      entrypoints: [join(FOLDER, `${name}.ts`)],
      outdir: join(out, name),
      target: "bun",
      format: "esm",
      minify: true,
      // What it loads by import() stays apart: code that is there costs something even when it does not run.
      splitting: true,
      define,
    });
  return {
    name: "alone",
    setup(build) {
      build.onLoad({ filter: /\/src\/runtime\/alone\/(?!index\.)/ }, ({ path }) => {
        const name = path.slice(path.lastIndexOf("/") + 1, -".ts".length);
        return { loader: "js", contents: `export * from ${JSON.stringify(join(out, name, `${name}.js`))};` };
      });
    },
  };
}
