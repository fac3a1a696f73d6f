/** The files of src/runtime/alone, each bundled by itself: what `scripts/build.ts` puts in their place. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { BunPlugin } from "bun";

const FOLDER = join(import.meta.dir, "../src/runtime/alone");

/** Their names, without `.ts`. */
export const ALONE: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".ts") && file !== "index.ts")
  .map((file) => file.slice(0, -".ts".length));

/** One of them with all that it imports, as a module. @param define  What the build stamps in. */
export async function bundleAlone(name: string, define: Record<string, string>): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(FOLDER, `${name}.ts`)],
    target: "bun",
    format: "esm",
    minify: true,
    define,
  });
  const [output, ...others] = outputs;
  if (output === undefined || others.length > 0)
    throw new Error(`Cannot bundle ${name} of ${FOLDER} by itself: ${outputs.length} files came of it`);
  return await output.text();
}

/** Gives the bundler each of them as one module. */
export async function aloneBundles(define: Record<string, string>): Promise<BunPlugin> {
  // Before the bundler begins: one that waits for another waits for ever.
  const texts = new Map<string, string>();
  for (const name of ALONE) texts.set(`${name}.ts`, await bundleAlone(name, define));
  return {
    name: "alone",
    setup(build) {
      build.onLoad({ filter: /\/src\/runtime\/alone\/(?!index\.)/ }, ({ path }) => ({
        loader: "js",
        contents: texts.get(path.slice(path.lastIndexOf("/") + 1)) ?? "",
      }));
    },
  };
}
