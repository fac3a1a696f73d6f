/**
 * Makes what `check()` finds right again, as far as that goes without the lost bytes: what cannot be served any more is no
 * longer said to be here, so that whoever has it can push it again. Damaged content is set aside, not destroyed.
 */
import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Digest, RepositoryName } from "../../../spec/index.ts";
import type { Storage } from "../storage/storage.ts";
import { check, type Damage } from "./check.ts";

/** A damage, and what was done about it. */
export interface Repaired extends Damage {
  readonly done: string;
}

/** Repairs all, when whoever else does upkeep has ended. @param onRepaired  Told of each, when it is done. */
export async function repair(
  storage: Storage,
  root: string,
  onRepaired: (repaired: Repaired) => void = () => undefined,
  isPartial: (repository: RepositoryName) => boolean = () => false,
): Promise<Repaired[]> {
  return await storage.upkeepTurns.take(() => repairAlone(storage, root, onRepaired, isPartial));
}

async function repairAlone(
  storage: Storage,
  root: string,
  onRepaired: (repaired: Repaired) => void,
  isPartial: (repository: RepositoryName) => boolean,
): Promise<Repaired[]> {
  const repaired: Repaired[] = [];
  const foundAgain = new Set<Digest>();
  // Without a blob that was dropped a manifest is no use: that is seen the second time.
  for (let round = 0; round < 2; round += 1) {
    const damages = await check(storage, undefined, isPartial);
    if (damages.length === 0) break;
    for (const damage of damages) {
      const one = { ...damage, done: await mend(storage, root, damage, foundAgain) };
      repaired.push(one);
      onRepaired(one);
    }
  }
  return repaired;
}

async function mend(
  storage: Storage,
  root: string,
  damage: Damage,
  foundAgain: Set<Digest>,
): Promise<string> {
  const { content, metadata, pins } = storage;
  const { kind, repository, digest, missing } = damage;
  if (digest === undefined || kind === "sum") {
    await metadata.upkeep.settleSum(repository);
    return "the sum was made anew";
  }
  if (missing !== undefined && (await relink(storage, repository, missing, foundAgain)))
    return "its blobs were linked again";
  await metadata.upkeep.drop(kind, repository, digest);
  // Another repository that holds it has a damage of its own in the list.
  // A link or a folder in its place goes aside too: it would be in the way of the next push.
  const path = content.path(digest);
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  if (metadata.isHeld(digest) || !isThere || !pins.condemn(digest) || !pins.execute(digest))
    return `the ${kind} is no longer said to be here`;
  mkdirSync(join(root, "damaged"), { recursive: true });
  const aside = join("damaged", `${digest.replace(":", "-")}.${randomUUID()}`);
  renameSync(path, join(root, aside));
  return `the ${kind} is no longer said to be here; its content lies in ${aside}`;
}

/**
 * Links what a manifest needs and the store has after all. Only content that no repository held: what another one holds may
 * be that one's secret, and a manifest that names its digest proves no right to read it (CVE-2024-39897). Such a manifest
 * goes; whoever pushes it again proves that he has its blobs, or mounts them from where he may read.
 * @param foundAgain  What this repair linked: it was nobody's before. @returns whether that made the manifest whole
 */
async function relink(
  { content, metadata, pins }: Storage,
  repository: RepositoryName,
  missing: readonly Digest[],
  foundAgain: Set<Digest>,
): Promise<boolean> {
  using held = new DisposableStack();
  for (const blob of missing) {
    held.use(pins.hold(blob));
    if (!content.has(blob) || (metadata.isHeld(blob) && !foundAgain.has(blob))) return false;
  }
  for (const blob of missing) {
    await metadata.linkBlob(repository, blob, content.stat(blob)?.size ?? 0);
    foundAgain.add(blob);
  }
  return true;
}
