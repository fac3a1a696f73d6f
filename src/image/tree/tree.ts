/**
 * The file system that layers make, by their listings alone: nothing is unpacked. Names are resolved as in unpacking, links
 * on the way to a name are followed below the root. Source: image-spec layer.md, applying changesets.
 */
import type { ByteString } from "../byte-string.ts";
import { cleanPath, joinPath, type LayerPath } from "../layer-name.ts";
import type { LayerListing, ListedMember } from "./listing.ts";

/** What a file is, whatever its names: hard links share it. */
interface Inode {
  readonly member: ListedMember | undefined;
  /** Which layer brought it. */
  readonly layer: number;
  links: number;
}

/** A name in the tree. */
export interface TreeNode {
  inode: Inode;
  /** Of a directory. */
  readonly children: Map<ByteString, TreeNode> | undefined;
  /** Which layer brought the name. */
  layer: number;
}

/** What a layer did to one path. */
export interface LayerChange {
  readonly kind: "added" | "changed" | "deleted";
  readonly path: LayerPath;
  /** Of the content that the layer brings there. */
  readonly bytes: number;
}

/** Content of a layer that no longer shows, because of a layer above or a later member of its own. */
export interface HiddenContent {
  readonly path: LayerPath;
  readonly bytes: number;
  readonly broughtBy: number;
  readonly hiddenBy: number;
}

const MAX_LINKS = 40;

/** The tree. */
export class ImageTree {
  readonly root: TreeNode = directory(undefined, -1);
  readonly #onHidden: (hidden: HiddenContent) => void;

  constructor(onHidden: (hidden: HiddenContent) => void = () => undefined) {
    this.#onHidden = onHidden;
  }

  /** Applies the next layer. @returns what it did, by path; a directory that is only described again is no change */
  apply({ members, hidden, opaque }: LayerListing, layer: number): LayerChange[] {
    const changes = new Map<LayerPath, LayerChange>();
    // Marks hide only what is below, whatever the order in the archive.
    for (const path of opaque) {
      const found = this.#walk(cleanPath(path), () => undefined);
      for (const [base, child] of found?.children ?? []) {
        found?.children?.delete(base);
        this.#forget(child, joinPath(path, base), layer);
        changes.set(joinPath(path, base), { kind: "deleted", path: joinPath(path, base), bytes: 0 });
      }
    }
    for (const path of hidden)
      if (this.#remove(path, layer)) changes.set(path, { kind: "deleted", path, bytes: 0 });
    for (const member of members) {
      const change = this.#put(member, layer, changes.get(member.path));
      if (change !== undefined) changes.set(member.path, change);
    }
    return [...changes.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
  }

  #put(member: ListedMember, layer: number, before: LayerChange | undefined): LayerChange | undefined {
    const components = cleanPath(member.path);
    const base = components.pop();
    if (base === undefined) return undefined;
    const children = this.#enter(components, layer);
    const old = children.get(base);
    // In one layer the last member of a name counts, and what it did is told against the layers below.
    const kind =
      before?.kind === "deleted" || (old !== undefined && old.layer !== layer)
        ? "changed"
        : (before?.kind ?? "added");
    if (member.type === "directory" && old?.children !== undefined) {
      const isSame = old.inode.member !== undefined && describesSame(old.inode.member, member);
      old.inode = { member, layer, links: 1 };
      if (isSame) return before;
      return { kind, path: member.path, bytes: 0 };
    }
    const target = member.type === "hardlink" ? this.#find(member.linkName) : undefined;
    if (old !== undefined) {
      // A second name that is there already.
      if (target !== undefined && old.inode === target.inode) return before;
      children.delete(base);
      this.#forget(old, member.path, layer);
    }
    const inode = target?.inode ?? { member, layer, links: 0 };
    inode.links++;
    children.set(
      base,
      member.type === "directory" ? directory(member, layer) : { inode, children: undefined, layer },
    );
    return { kind, path: member.path, bytes: target === undefined ? bytesOf(inode) : 0 };
  }

  #remove(path: LayerPath, layer: number): boolean {
    const components = cleanPath(path);
    const base = components.pop();
    const children = this.#walk(components, () => undefined)?.children;
    const found = base === undefined ? undefined : children?.get(base);
    if (base === undefined || found === undefined) return false;
    children?.delete(base);
    this.#forget(found, path, layer);
    return true;
  }

  /** Tells of the content that goes with a name: that of files of which it was the last one. */
  #forget(node: TreeNode, path: LayerPath, hiddenBy: number): void {
    if (node.children !== undefined) {
      for (const [base, child] of node.children) this.#forget(child, joinPath(path, base), hiddenBy);
      return;
    }
    if (--node.inode.links > 0) return;
    const bytes = bytesOf(node.inode);
    if (bytes > 0) this.#onHidden({ path, bytes, broughtBy: node.inode.layer, hiddenBy });
  }

  /** What is at `path`; a link at its end is itself. */
  #find(path: ByteString): TreeNode | undefined {
    const components = cleanPath(path);
    const base = components.pop();
    const parent = this.#walk(components, () => undefined);
    return base === undefined ? parent : parent?.children?.get(base);
  }

  /** The members of a directory that is made where it is not there. */
  #enter(components: readonly ByteString[], layer: number): Map<ByteString, TreeNode> {
    const made = this.#walk(components, (parent, base, path) => {
      const old = parent.get(base);
      if (old !== undefined) this.#forget(old, path, layer);
      const implied = directory(undefined, layer);
      parent.set(base, implied);
      return implied;
    });
    // A circle of links: no unpacker makes this, and the member shows nowhere.
    return made?.children ?? new Map();
  }

  #walk(
    components: readonly ByteString[],
    otherwise: (parent: Map<ByteString, TreeNode>, base: ByteString, path: LayerPath) => TreeNode | undefined,
  ): TreeNode | undefined {
    let todo = [...components];
    let done: ByteString[] = [];
    let links = 0;
    for (let base = todo.shift(); base !== undefined; base = todo.shift()) {
      const parent = this.#at(done);
      if (parent?.children === undefined) return undefined;
      const child = parent.children.get(base);
      const member = child?.inode.member;
      if (member?.type === "symlink" && child?.children === undefined) {
        if (++links > MAX_LINKS) return undefined;
        const start = member.linkName.startsWith("/") ? [] : done;
        todo = cleanPath([...start, member.linkName, ...todo].join("/") as ByteString);
        done = [];
        continue;
      }
      const next =
        child?.children === undefined
          ? otherwise(parent.children, base, [...done, base].join("/") as LayerPath)
          : child;
      if (next === undefined) return undefined;
      done.push(base);
    }
    return this.#at(done);
  }

  #at(components: readonly ByteString[]): TreeNode | undefined {
    let node: TreeNode | undefined = this.root;
    for (const base of components) node = node?.children?.get(base);
    return node;
  }
}

function directory(member: ListedMember | undefined, layer: number): TreeNode {
  return { inode: { member, layer, links: 1 }, children: new Map(), layer };
}

function bytesOf({ member }: Inode): number {
  return member?.type === "file" ? member.size : 0;
}

function describesSame(one: ListedMember, other: ListedMember): boolean {
  return (
    one.mode === other.mode &&
    one.uid === other.uid &&
    one.gid === other.gid &&
    one.attributes === other.attributes
  );
}
