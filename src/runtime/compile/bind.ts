/**
 * Bind mounts: a clone of a tree of the host's, with attributes of its own and, where asked for, with ids mapped.
 * Source: runtime-spec config.md, Mounts, bind and rbind, uidMappings, gidMappings; mount_setattr(2), ID-mapped mounts.
 */
import { resolvePath } from "../../base/index.ts";
import type { Mount } from "../../spec/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import type { IDMapSource } from "../plan/host-step.ts";
import { S_IFDIR, S_IFMT } from "./constants.ts";
import { MODE, T1 } from "./context.ts";
import { componentsOf } from "./destination.ts";
import { cloneTree, loadMode, setAttributes, takeTree } from "./mount-calls.ts";
import { type MountOptions, parseMountOptions } from "./mount-options.ts";
import type { MountContext } from "./mounts.ts";
import { place, refuseProc } from "./place.ts";

/** The host's path of a bind source. */
export function bindSource(mount: Mount, bundle: string): string {
  return resolvePath(bundle, mount.source ?? "");
}

/** Whether `mount` shows something of the host's. Source: config.md, Mounts, bind mounts. */
export function isBindMount(
  mount: Mount,
  options: MountOptions = parseMountOptions(mount.options ?? []),
): boolean {
  return options.bind !== "no" || mount.type === "bind" || mount.type === "none";
}

export function compileBind(
  plan: PlanBuilder,
  mount: Mount,
  options: MountOptions,
  { world, inUserNamespace, linux }: MountContext,
): void {
  const source = bindSource(mount, world.bundle);
  const kind = world.sources.get(source) ?? "directory";
  const recursive = options.bind !== "bind";
  if (options.idmap !== "no" || mount.uidMappings !== undefined) {
    // Mapped by the parent: in a namespace of the container's there is no right to.
    const idmap = { ...mapOf(mount, linux), recursive: options.idmap === "ridmap" };
    takeTree(plan, T1, { path: source, recursive, inside: inUserNamespace || kind === "inside", idmap });
  } else cloneTree(plan, source, T1, { recursive, byParent: inUserNamespace && !world.isRootless });
  setAttributes(plan, T1, options.attributes, false);
  setAttributes(plan, T1, options.recursive, true);
  // The one thing that may cover /proc is a procfs.
  if (componentsOf(mount.destination).join("/") === "proc") refuseProc(plan, T1, "!=");
  if (kind === "inside") placeAsItIs(plan, mount.destination, options);
  else place(plan, mount.destination, kind, options);
}

/** The mount's own; else that of the container's user namespace, which is a new one or one that it joins. */
function mapOf(
  { uidMappings, gidMappings }: Mount,
  { namespaces = [], ...linux }: MountContext["linux"],
): IDMapSource {
  const namespace = namespaces.find(({ type }) => type === "user")?.path;
  if (uidMappings === undefined && namespace) return { namespace };
  const { uidMappings: uids = [], gidMappings: gids = [] } = linux;
  return { uidMappings: uidMappings ?? uids, gidMappings: gidMappings ?? gids };
}

/** Whether the destination has to be a directory or a file shows only now. */
function placeAsItIs(plan: PlanBuilder, destination: string, options: MountOptions): void {
  const [file, placed] = [plan.label(), plan.label()];
  loadMode(plan, T1, MODE);
  plan.jump(file, MODE, BigInt(S_IFMT), "!=", BigInt(S_IFDIR));
  place(plan, destination, "directory", options);
  plan.goto(placed);
  plan.place(file);
  place(plan, destination, "file", options);
  plan.place(placed);
}
