/**
 * A container's class of service: a directory of the resctrl file system, into whose `tasks` its processes are written.
 * Where that file system is comes in as a value.
 * Source: config-linux.md, IntelRdt; kernel arch/x86/resctrl.rst.
 */
import { TeuError, Unsupported } from "../../base/index.ts";
import type { IntelRdt } from "../../spec/index.ts";
import { errnoOf, existsSync, mkdirSync, readTextSync, rmdirSync, writeTextSync } from "../../sys/index.ts";

import { askedSchemata, firstMismatch } from "./schemata.ts";

/** What a container has to be put into. */
export interface ResctrlPlan {
  readonly root: string;
  readonly path: string;
  /** The document names a class; then it is nobody's to remove. */
  readonly isNamed: boolean;
  readonly schemata: readonly string[];
  /** A monitoring group of the container's own. */
  readonly monitor?: string;
}

/** What was made, for exec and delete. Kept in state.json. */
export interface ResctrlGroup {
  readonly root: string;
  readonly path: string;
  /** To be removed with the container. */
  readonly isOurs: boolean;
  readonly monitor?: string;
}

/** The kernel refused, or the class is not what the document says. */
export class ResctrlFailed extends TeuError<"resctrl-failed", { field: string; path: string; why: string }> {
  constructor(context: { field: string; path: string; why: string }, cause?: unknown) {
    const { field, path, why } = context;
    super("resctrl-failed", "failed-precondition", context, `Cannot set ${field}: ${path}: ${why}`, {
      cause,
    });
  }
}

/** The mount point of resctrl. @param mountinfo  The text of /proc/self/mountinfo. */
export function findResctrl(mountinfo: string): string | undefined {
  const line = mountinfo.split("\n").find((text) => text.includes(" - resctrl "));
  return line?.split(" ")[4];
}

const FIELD = "linux.intelRdt";

/** Plans the group; undefined when none is asked for. @throws {Unsupported} where the kernel has not what it takes */
export function planResctrl(
  rdt: IntelRdt | undefined,
  containerID: string,
  findRoot: () => string | undefined = findMounted,
): ResctrlPlan | undefined {
  if (rdt === undefined) return undefined;
  const root = findRoot();
  if (root === undefined)
    throw new Unsupported({
      what: FIELD,
      why: "specified in config, but Intel RDT is not enabled: no resctrl is mounted",
    });
  refuseMissing(root, rdt);
  const isNamed = rdt.closID !== undefined && rdt.closID !== "";
  // "/" is the class that everything is in.
  const path = rdt.closID === "/" ? root : `${root}/${isNamed ? rdt.closID : containerID}`;
  return {
    root,
    path,
    isNamed,
    schemata: askedSchemata(rdt),
    ...(rdt.enableMonitoring && { monitor: `${path}/mon_groups/${containerID}` }),
  };
}

/** @throws {Unsupported} */
function refuseMissing(root: string, { l3CacheSchema, memBwSchema }: IntelRdt): void {
  const refuse = (field: string, why: string): never => {
    throw new Unsupported({ what: `${FIELD}.${field}`, why });
  };
  if (l3CacheSchema && !existsSync(`${root}/info/L3`))
    refuse("l3CacheSchema", "specified in config, but Intel RDT/CAT is not enabled");
  if (memBwSchema && !existsSync(`${root}/info/MB`))
    refuse("memBwSchema", "specified in config, but Intel RDT/MBA is not enabled");
}

/** Makes the group, or takes the one that is there. What it made is removed again when it fails. @throws {ResctrlFailed} */
export function createResctrl(plan: ResctrlPlan): ResctrlGroup {
  const { root, path, isNamed, schemata, monitor } = plan;
  if (isNamed && schemata.length === 0 && !existsSync(path))
    throw new ResctrlFailed({
      field: `${FIELD}.closID`,
      path,
      why: "clos dir not accessible (must be pre-created when schemata, l3CacheSchema and memBwSchema are empty)",
    });
  const isMade = makeDirectory(plan, path, `${FIELD}.closID`);
  try {
    if (isNamed && !isMade) refuseOther(path, schemata);
    else writeSchemata({ root, path }, schemata);
    if (monitor !== undefined) makeDirectory(plan, monitor, `${FIELD}.enableMonitoring`);
  } catch (error) {
    if (isMade) rmdirSync(path);
    throw error;
  }
  return { root, path, isOurs: isMade && !isNamed, ...(monitor !== undefined && { monitor }) };
}

/** Returns false if it was there. */
function makeDirectory({ root }: ResctrlPlan, path: string, field: string): boolean {
  try {
    mkdirSync(path, { mode: 0o755 });
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw new ResctrlFailed({ field, path, why: explain(root, error) }, error);
  }
}

/** A class that is there stays as it is: it is also others'. */
function refuseOther(path: string, schemata: readonly string[]): void {
  const mismatch = firstMismatch(schemata, readTextSync(`${path}/schemata`));
  if (mismatch !== undefined)
    throw new ResctrlFailed({
      field: `${FIELD}.closID`,
      path,
      why: `the class exists, and does not say ${JSON.stringify(mismatch)}`,
    });
}

/** Writes lines to the group's schemata; none is no write. @throws {ResctrlFailed} */
export function writeSchemata(
  { root, path }: Pick<ResctrlGroup, "root" | "path">,
  schemata: readonly string[],
): void {
  if (schemata.length === 0) return;
  const text = schemata.map((line) => `${line}\n`).join("");
  write(root, `${path}/schemata`, text, `${FIELD}.schemata`);
}

/** A container without a class gets none any more. The words are runc's. */
export class NoResctrlGroup extends TeuError<"no-resctrl-group"> {
  constructor() {
    super(
      "no-resctrl-group",
      "failed-precondition",
      {},
      "updating a non-existent Intel RDT configuration is not supported",
    );
  }
}

/** Changes the schemata of a container that runs. @throws {Unsupported} {NoResctrlGroup} {ResctrlFailed} */
export function updateResctrl(
  group: ResctrlGroup | undefined,
  rdt: IntelRdt,
  findRoot: () => string | undefined = findMounted,
): void {
  const schemata = askedSchemata(rdt);
  if (schemata.length === 0) return;
  refuseMissing(findRoot() ?? "/nowhere", rdt);
  if (group === undefined) throw new NoResctrlGroup();
  writeSchemata(group, schemata);
}

function findMounted(): string | undefined {
  return findResctrl(readTextSync("/proc/self/mountinfo"));
}

/** Puts a process, and what it will start, into the group. @throws {ResctrlFailed} */
export function enterResctrl({ root, path, monitor }: ResctrlGroup, pid: number): void {
  write(root, `${path}/tasks`, String(pid), FIELD);
  if (monitor !== undefined) write(root, `${monitor}/tasks`, String(pid), `${FIELD}.enableMonitoring`);
}

/** Removes what was made for the container. One that is gone is no failure. */
export function removeResctrl({ path, isOurs, monitor }: ResctrlGroup): void {
  // The kernel removes a group's monitoring groups with it.
  for (const directory of isOurs ? [path] : monitor === undefined ? [] : [monitor]) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}

function write(root: string, path: string, text: string, field: string): void {
  try {
    writeTextSync(path, text);
  } catch (error) {
    throw new ResctrlFailed({ field, path, why: explain(root, error) }, error);
  }
}

/** The errno, and what resctrl has to say about it. */
function explain(root: string, error: unknown): string {
  try {
    return `${errnoOf(error)}, last_cmd_status: ${readTextSync(`${root}/info/last_cmd_status`).trim()}`;
  } catch {
    return errnoOf(error); // not every kernel tells more
  }
}
