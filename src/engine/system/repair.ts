/**
 * `teu system repair`: what a check finds is put right. Only what is broken goes; what is missing is fetched or made again; a volume that no
 * record knows gets one. What cannot be helped is told.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, isTeuError } from "../../base/index.ts";
import { driverOf } from "../container/driver-of.ts";
import { collectGarbage } from "../image/collect.ts";
import { thisPlatform } from "../image/platform.ts";
import { pullImage } from "../image/pull.ts";
import { unmount } from "../mount/calls.ts";
import { listContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { addVolume, findVolume } from "../store/volumes.ts";
import { dataDirectory } from "../volume/place.ts";
import { type CheckOptions, checkStore, imageProblems, type Problem, type Remedy } from "./check.ts";
import { unpackAgain } from "./repair-layers.ts";

/** What became of a problem. */
export interface Repaired extends Problem {
  readonly isRepaired: boolean;
  /** What was done, or why nothing was. */
  readonly done: string;
}

/** The order of what is left when what lost bits is gone and what was missing is fetched: layers are unpacked first. */
const ORDER: readonly Remedy["kind"][] = [
  "unpack",
  "remove-bundle",
  "remove-path",
  "collect",
  "adopt-volume",
  "make-volume",
  "none",
];

/** Yields what was done, problem by problem. Content that is thrown away is looked for once more: then it is missing. */
export async function* repairStore(store: Store, options: CheckOptions): AsyncGenerator<Repaired> {
  const found: Problem[] = [];
  for await (const problem of checkStore(store, options)) found.push(problem);
  const damaged = found.filter(({ remedy }) => remedy.kind === "delete-blob");
  for (const problem of damaged) yield await repaired(store, problem, options);
  const rest: Problem[] = damaged.length === 0 ? found : [];
  if (damaged.length > 0)
    for await (const problem of checkStore(store, { ...options, isDeep: false })) rest.push(problem);
  // Layers that differ are found by a thorough look alone.
  if (damaged.length > 0) rest.push(...found.filter(({ remedy }) => remedy.kind === "unpack"));
  const seen = new Set<string>();
  const [early, late] = [rest.filter(isFetched), rest.filter((problem) => !isFetched(problem))];
  yield* fetched(store, once(early, seen), options);
  const inOrder = late.toSorted((a, b) => ORDER.indexOf(a.remedy.kind) - ORDER.indexOf(b.remedy.kind));
  for (const problem of once(inOrder, seen)) yield await repaired(store, problem, options);
}

function isFetched({ remedy }: Problem): boolean {
  return remedy.kind === "fetch";
}

function* once(problems: readonly Problem[], seen: Set<string>): Generator<Problem> {
  for (const problem of problems) {
    const key = `${problem.kind} ${problem.subject}`;
    if (seen.has(key)) continue;
    seen.add(key);
    yield problem;
  }
}

/** What images share comes with the first one that can be had: the others, whose registries may be gone, are whole by that. */
async function* fetched(
  store: Store,
  problems: Iterable<Problem>,
  options: CheckOptions,
): AsyncGenerator<Repaired> {
  const isWhole = ({ subject }: Problem) =>
    !imageProblems(store).some((problem) => problem.subject === subject);
  const withAnother = (problem: Problem): Repaired => ({
    ...problem,
    isRepaired: true,
    done: "fetched again with another image",
  });
  const failed: Repaired[] = [];
  for (const problem of problems) {
    const result = isWhole(problem) ? withAnother(problem) : await repaired(store, problem, options);
    if (result.isRepaired) yield result;
    else failed.push(result);
  }
  for (const result of failed) yield isWhole(result) ? withAnother(result) : result;
}

async function repaired(store: Store, problem: Problem, { signal }: CheckOptions): Promise<Repaired> {
  const { remedy } = problem;
  if (remedy.kind === "none") return { ...problem, isRepaired: false, done: remedy.hint };
  try {
    return { ...problem, isRepaired: true, done: await apply(store, remedy, signal) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isTeuError(error)) throw error;
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    return { ...problem, isRepaired: false, done: `${error.message}${hint}` };
  }
}

/** @returns what was done */
async function apply(
  store: Store,
  remedy: Exclude<Remedy, { kind: "none" }>,
  signal: AbortSignal | undefined,
): Promise<string> {
  switch (remedy.kind) {
    case "delete-blob":
      store.content.delete(remedy.digest);
      return "removed";
    case "fetch":
      await pullImage(store, remedy.reference, { platform: thisPlatform() }, signal);
      return "fetched again";
    case "unpack":
      await unpackAgain(store, remedy.snapshot, signal);
      return "unpacked again";
    case "remove-path":
      unmount(join(remedy.path, "rootfs") as HostPath);
      rmSync(remedy.path, { recursive: true, force: true });
      return "removed";
    case "remove-bundle":
      return await removeBundle(store, remedy.id);
    case "collect":
      collectGarbage(store);
      return "collected";
    case "adopt-volume":
      adopt(store, remedy.name);
      return "recorded as a volume of this name";
    case "make-volume":
      mkdirSync(dataDirectory(store, remedy.name), { recursive: true, mode: 0o755 });
      return "made anew, empty";
    default:
      return remedy satisfies never;
  }
}

/** Its processes and cgroups are its runtime's to remove, if it was ours. */
async function removeBundle(store: Store, id: string): Promise<string> {
  if (listContainers(store.database, store.namespace).some((container) => container.id === id))
    return "left alone: there is a record by now";
  const bundle = bundleDirectory(store, id);
  await (await driverOf(store, undefined)).delete(id);
  unmount(join(bundle, "rootfs") as HostPath);
  rmSync(bundle, { recursive: true, force: true });
  return "removed";
}

function adopt({ database, namespace }: Store, name: string): void {
  inTransaction(database, () => {
    if (findVolume(database, namespace, name) === undefined)
      addVolume(database, namespace, { name, options: {}, labels: {}, isAnonymous: false });
  });
}
