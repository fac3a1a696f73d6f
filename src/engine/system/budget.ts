/**
 * How much room images may take, as this machine's file says, and seeing to it: by whatever process has just pulled an image or removed a
 * container, as there is no daemon. What a container has, and what was used a short while ago, never goes; names go only where the file says so.
 */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "../../base/index.ts";
import { parseDuration } from "../options/duration.ts";
import { parseSize } from "../options/limits.ts";
import { Fields, InvalidConfiguration, readTOML } from "../registries/toml.ts";
import { listLeases } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { diskUsage } from "./df.ts";
import { type Pruned, prune } from "./prune.ts";

const DEFAULT_MIN_AGE = "1h";
/** Who removes a thousand containers does not look a thousand times. */
const PAUSE_MS = 60_000;

/** What the file says of images. */
interface Budget {
  readonly maxBytes: number;
  /** What was pulled or used since then stays. */
  readonly minAgeMs: number;
  /** Whether names go too, of images that no container has; else only content that no name leads to. */
  readonly removesUnused: boolean;
}

/** What the file at `path` says; undefined: there is no limit. @throws {InvalidConfiguration} @throws {InvalidOption} */
function budgetOf(path: string): Budget | undefined {
  const document = readTOML(path);
  if (document?.["images"] === undefined) return undefined;
  const fields = new Fields(document["images"], path, "images.");
  const size = fields.string("max-size");
  if (size === undefined) return undefined;
  const remove = fields.string("remove") ?? "unnamed";
  if (remove !== "unnamed" && remove !== "unused")
    throw new InvalidConfiguration({ path, reason: 'images.remove: wants "unnamed" or "unused"' });
  return {
    maxBytes: parseSize(size, `images.max-size in ${path}`),
    minAgeMs: parseDuration(fields.string("min-age") ?? DEFAULT_MIN_AGE, `images.min-age in ${path}`),
    removesUnused: remove === "unused",
  };
}

/** As `keepBudget()`, where the file at `path` is what counts. */
export async function keepBudgetOf(
  path: string,
  store: Store,
  { isRare }: { readonly isRare: boolean },
): Promise<Pruned[]> {
  const budget = budgetOf(path);
  if (budget === undefined || (!isRare && !isDue(store))) return [];
  if (listLeases(store.database).some(({ owner }) => isAlive(owner))) return [];
  const used = diskUsage(store).find(({ type }) => type === "Images")?.bytes ?? 0;
  if (used <= budget.maxBytes) return [];
  const { maxBytes, minAgeMs, removesUnused } = budget;
  const gone = [await collected(store)];
  if (removesUnused)
    gone.push(
      await Array.fromAsync(
        prune(store, {
          ...{ kinds: new Set(["content"] as const), isDryRun: false },
          ...{ budgetBytes: maxBytes, usedBefore: Date.now() - minAgeMs },
        }),
      ),
    );
  return gone.flat();
}

async function collected(store: Store): Promise<Pruned[]> {
  return await Array.fromAsync(prune(store, { kinds: new Set(["content"] as const), isDryRun: false }));
}

function isDue({ paths }: Store): boolean {
  const stamp = join(paths.run, "budget");
  const last = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const now = Date.now();
  if (now - last < PAUSE_MS && last <= now) return false;
  writeFileSync(stamp, "");
  return true;
}
