/**
 * Which cgroup hierarchies this machine has mounted, and where a process stands in each.
 * Source: cgroups(7); proc(5), /proc/PID/mountinfo; kernel cgroup-v1/cgroups.rst and cgroup-v2.rst.
 */

import { TeuError } from "../../base/index.ts";
import { readTextSync } from "../../sys/index.ts";
import { unescapeOctal } from "../unescape-octal.ts";
import { readCgroupFileIfAny } from "./file.ts";

/** One mounted hierarchy. */
export interface Hierarchy {
  /** Its v1 controllers or its name: `["cpu", "cpuacct"]`, `["name=systemd"]`; empty for the unified one. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The cgroup of the process, as a path below `mountPoint`. */
  readonly own: string;
}

/** All hierarchies; v2 is `unified` alone, hybrid is both. */
export interface CgroupLayout {
  readonly v1: readonly Hierarchy[];
  readonly unified?: Hierarchy;
  /** Of a hybrid: the controllers that no v1 hierarchy has, and the unified one has. */
  readonly unifiedControllers?: readonly string[];
}

/** Nothing to put a container into. */
export class NoCgroups extends TeuError<"no-cgroups"> {
  constructor() {
    super(
      "no-cgroups",
      "failed-precondition",
      {},
      "Cannot find a cgroup hierarchy: none is mounted in this mount namespace",
    );
  }
}

/** Reads what this process has mounted, and where `process` stands: a pid, or this one. @throws {NoCgroups} */
export function readCgroupLayout(process: number | "self" = "self"): CgroupLayout {
  const membership = readTextSync(`/proc/${process}/cgroup`);
  if (last?.membership !== membership) last = { membership, layout: layoutOf(membership) };
  return last.layout;
}

/** Whoever asks once more mostly asks for the same. */
let last: { readonly membership: string; readonly layout: CgroupLayout } | undefined;

function layoutOf(membership: string): CgroupLayout {
  const layout = parseCgroupLayout(cgroupMounts(), membership);
  if (layout.v1.length === 0 || layout.unified === undefined) return layout;
  const controllers = readCgroupFileIfAny(`${layout.unified.mountPoint}/cgroup.controllers`);
  return controllers ? { ...layout, unifiedControllers: controllers.split(" ") } : layout;
}

let mounts: string | undefined;

/** What /proc/self/mountinfo says of cgroups. Read once: that of a machine with many containers is long, and those of cgroups stay. */
function cgroupMounts(): string {
  mounts ??= readTextSync("/proc/self/mountinfo").split("\n").filter(isOfCgroups).join("\n");
  return mounts;
}

function isOfCgroups(line: string): boolean {
  return line.includes(" - cgroup");
}

/** @param mountinfo  /proc/self/mountinfo. @param membership  /proc/PID/cgroup. @throws {NoCgroups} */
export function parseCgroupLayout(mountinfo: string, membership: string): CgroupLayout {
  const own = parseMembership(membership);
  const v1: Hierarchy[] = [];
  let unified: Hierarchy | undefined;
  for (const line of mountinfo.split("\n")) {
    const mount = parseMount(line);
    if (mount === undefined) continue;
    const { root, mountPoint, controllers } = mount;
    const at = own.get(controllers[0] ?? "");
    if (at === undefined) continue;
    const hierarchy = { controllers, mountPoint, own: below(root, at) };
    // A hierarchy may be mounted again elsewhere, by containers for instance: the first one is the system's.
    if (controllers.length === 0) unified ??= hierarchy;
    else if (!v1.some((known) => known.controllers[0] === controllers[0])) v1.push(hierarchy);
  }
  if (v1.length === 0 && unified === undefined) throw new NoCgroups();
  return unified === undefined ? { v1 } : { v1, unified };
}

/** `4:memory:/a` and `0::/b` → memory: /a, "": /b. */
function parseMembership(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (names === undefined || path === undefined) continue;
    for (const name of names.split(",")) paths.set(name, path);
  }
  return paths;
}

/** Super block options of a v1 mount that are no controller. */
const NO_CONTROLLER = new Set([
  "rw",
  "ro",
  "xattr",
  "noprefix",
  "clone_children",
  "none",
  "cpuset_v2_mode",
  "favordynmods",
  "all",
]);

function parseMount(line: string): { root: string; mountPoint: string; controllers: string[] } | undefined {
  const dash = line.indexOf(" - cgroup");
  if (dash < 0) return undefined;
  const [, , , root = "", mountPoint = ""] = line.slice(0, dash).split(" ");
  const [type, , options = ""] = line.slice(dash + 3).split(" ");
  if (type !== "cgroup" && type !== "cgroup2") return undefined;
  const controllers =
    type === "cgroup2"
      ? []
      : options.split(",").filter((word) => !NO_CONTROLLER.has(word) && !word.startsWith("release_agent="));
  if (type === "cgroup" && controllers.length === 0) return undefined;
  return { root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint), controllers };
}

/** `path` of the hierarchy as seen below a mount of its subtree `root`. Outside of it, as in a foreign container: its top. */
function below(root: string, path: string): string {
  if (root === "/") return path;
  if (path === root) return "/";
  return path.startsWith(`${root}/`) ? path.slice(root.length) : "/";
}
