/**
 * From a path inside the root to a descriptor, without using the path outside openat2: every component is resolved
 * by the kernel below the root's descriptor, links included, and what is missing is made on the way.
 * Stops 2019-19921, 2021-30465 and 2024-45310.
 */
import { resolvePath } from "../../base/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { DataRef, Operand, Plan, Register, Rules } from "../plan/plan.ts";
import {
  NEGATIVE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFREG,
} from "./constants.ts";
import { close, ROOT, T3, T4 } from "./context.ts";

/** What a destination has to be; made so when it is missing. */
export type Want = "directory" | "file";

const HOW_BYTES = 24;
const MODE = 0o755;

/** `struct open_how`. */
export function openHow(plan: PlanBuilder, flags: number, resolve: number, mode = 0): DataRef {
  const made = mode === 0 ? "" : `, mode=0${mode.toString(8)}`;
  return plan.shared("open_how", [flags, resolve, mode], () =>
    plan.words(
      [flags, mode, resolve],
      `{flags=0${flags.toString(8)}${made}, resolve=0x${resolve.toString(16)}}`,
    ),
  );
}

/** How often a lookup is done again before that is an error. */
const RETRIES = 128;

/**
 * openat2 of `path` below `base`, as if `base` were the root. Strict: no link on the way at all. On EAGAIN it is done again:
 * while anything on the machine is renamed or mounted, the kernel cannot vouch for a `..` in a link (openat2(2)).
 */
export function openInRoot(
  plan: PlanBuilder,
  base: Operand,
  path: string,
  options: { into: Register; flags?: number; strict?: boolean; on?: Rules },
): void {
  const { into, flags = O_PATH, strict = false, on } = options;
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (strict ? RESOLVE_NO_SYMLINKS : 0);
  const again = plan.label();
  plan.place(again);
  plan.addFuel(RETRIES);
  plan.call("openat2", [base, plan.text(path), openHow(plan, flags | O_CLOEXEC, resolve), HOW_BYTES], {
    result: into,
    on: { EAGAIN: again, ...on },
  });
}

/**
 * Puts an O_PATH descriptor of `path` into `into` and makes what is missing. The making is out of line: most
 * destinations exist, or lack their last name only (/dev/pts in a new tmpfs). For the rest the parent sends a segment.
 */
export function openDestination(
  plan: PlanBuilder,
  path: string,
  want: Want,
  into: Register,
  options: { strict?: boolean; on?: Rules } = {},
): void {
  const { strict = false, on = {} } = options;
  const names = componentsOf(path);
  const leaf = names.at(-1);
  const [missing, open] = [plan.label(), plan.label()];
  plan.place(open);
  openInRoot(plan, ROOT, names.join("/") || ".", {
    into,
    flags: wantFlags(want),
    strict,
    on: { ENOENT: missing, ...on },
  });
  if (leaf === undefined) {
    plan.place(missing);
    return;
  }
  plan.addFuel(2);
  plan.later(() => {
    plan.place(missing);
    const deep = plan.label();
    openInRoot(plan, ROOT, names.slice(0, -1).join("/") || ".", {
      into: T3,
      flags: wantFlags("directory"),
      strict,
      on: { ENOENT: deep },
    });
    makeLeaf(plan, T3, leaf, want, { EEXIST: deep });
    close(plan, T3);
    plan.goto(open);
    plan.place(deep);
    plan.sync("missing");
    plan.host({ kind: "missing", path, want, strict });
    plan.goto(open);
  });
}

/** The segment that makes `path`, component by component: names that are there are followed, the others made. */
export function compileMissing(path: string, want: Want, strict: boolean): Plan {
  const plan = new PlanBuilder();
  plan.section(path, "config.md, Mounts, destination");
  const names = componentsOf(path);
  names.forEach((_, index) => {
    const isLeaf = index === names.length - 1;
    makeComponent(plan, names.slice(0, index + 1), isLeaf ? want : "directory", strict);
  });
  return plan.finish();
}

/** Makes the last of `names` unless it is there. Nothing is left open: a segment for a link may come in between. */
function makeComponent(plan: PlanBuilder, names: readonly string[], want: Want, strict: boolean): void {
  const [present, dangling, reopen] = [plan.label(), plan.label(), plan.label()];
  const prefix = names.join("/");
  const flags = wantFlags(want);
  openInRoot(plan, ROOT, prefix, { into: T4, flags, strict, on: { ENOENT: "next" } });
  plan.jump(present, T4, NEGATIVE, "==", 0n);
  openInRoot(plan, ROOT, names.slice(0, -1).join("/") || ".", {
    into: T3,
    flags: wantFlags("directory"),
    strict,
  });
  makeLeaf(plan, T3, names.at(-1) ?? "", want, { EEXIST: dangling });
  close(plan, T3);
  plan.goto(reopen);
  // It is not there and cannot be made: a link that leads nowhere. The parent says where, in-root, and how that is made.
  plan.place(dangling);
  close(plan, T3);
  plan.sync("resolve-dangling", { descriptors: [ROOT] });
  plan.host({ kind: "resolve-dangling", path: prefix, want });
  plan.place(reopen);
  openInRoot(plan, ROOT, prefix, { into: T4, flags, strict });
  plan.place(present);
  close(plan, T4);
}

function makeLeaf(plan: PlanBuilder, parent: Register, name: string, want: Want, on: Rules): void {
  if (want === "directory") plan.call("mkdirat", [parent, plan.text(name), MODE], { on });
  else plan.call("mknodat", [parent, plan.text(name), S_IFREG | MODE, 0], { on });
}

function wantFlags(want: Want): number {
  return want === "directory" ? O_PATH | O_DIRECTORY : O_PATH;
}

/** At and under /proc and /sys no link is followed: 2019-19921. */
export function isProcOrSys(destination: string): boolean {
  const [first] = componentsOf(destination);
  return first === "proc" || first === "sys";
}

/** `path` as openat2 takes it below the root. */
export function relativePath(path: string): string {
  return componentsOf(path).join("/") || ".";
}

/** The names in a path. `..` takes away the name before it, as runc has it: there is nothing to be made of that name. */
export function componentsOf(path: string): string[] {
  return resolvePath("/", path)
    .split("/")
    .filter((name) => name !== "");
}
