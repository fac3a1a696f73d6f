/** Two trees → what is not the same. Times are not compared: every build has its own. */
import type { ByteString } from "../byte-string.ts";
import { joinPath, type LayerPath } from "../layer-name.ts";
import type { ImageTree, TreeNode } from "./tree.ts";

/** One path that the trees have not in common. */
export interface TreeDifference {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: LayerPath;
  /** Of what changed: which of its parts. */
  readonly parts: readonly TreePart[];
  /** Of a file, before and after; 0 where there is none. */
  readonly bytes: readonly [before: number, after: number];
}

/** What can differ in one path. */
export type TreePart = "type" | "content" | "target" | "device" | "mode" | "owner" | "attributes";

/** The differences from `before` to `after`, by path. Of a directory that is gone, what was in it is not told. */
export function compareTrees(before: ImageTree, after: ImageTree): TreeDifference[] {
  return [...children(before.root, after.root, "" as LayerPath)];
}

function* children(
  before: TreeNode | undefined,
  after: TreeNode,
  path: LayerPath,
): Generator<TreeDifference> {
  const names = new Set<ByteString>([...(before?.children?.keys() ?? []), ...(after.children?.keys() ?? [])]);
  for (const base of [...names].sort()) {
    const [one, other] = [before?.children?.get(base), after.children?.get(base)];
    yield* node(one, other, joinPath(path, base));
  }
}

function* node(
  before: TreeNode | undefined,
  after: TreeNode | undefined,
  path: LayerPath,
): Generator<TreeDifference> {
  const bytes = [sizeOf(before), sizeOf(after)] as const;
  if (after === undefined) {
    yield { kind: "deleted", path, parts: [], bytes };
    return;
  }
  const parts = before === undefined ? [] : partsOf(before, after);
  if (before === undefined) yield { kind: "added", path, parts, bytes };
  else if (parts.length > 0) yield { kind: "changed", path, parts, bytes };
  if (after.children !== undefined) yield* children(before, after, path);
}

function sizeOf(node: TreeNode | undefined): number {
  return node?.children === undefined ? (node?.inode.member?.size ?? 0) : 0;
}

function partsOf(one: TreeNode, other: TreeNode): TreePart[] {
  const [a, b] = [one.inode.member, other.inode.member];
  if ((one.children === undefined) !== (other.children === undefined)) return ["type"];
  // A directory that no layer describes is as its unpacker makes it.
  if (a === undefined || b === undefined || a === b) return [];
  if (a.type !== b.type) return ["type"];
  const differs: readonly (readonly [TreePart, boolean])[] = [
    ["content", a.type === "file" && (a.size !== b.size || a.content !== b.content)],
    ["target", a.linkName !== b.linkName],
    ["device", a.major !== b.major || a.minor !== b.minor],
    ["mode", a.mode !== b.mode && a.type !== "symlink"],
    ["owner", a.uid !== b.uid || a.gid !== b.gid],
    ["attributes", a.attributes !== b.attributes],
  ];
  return differs.filter(([, is]) => is).map(([part]) => part);
}
