/**
 * Extended attributes of a layer's members: which ones are set, and under which name.
 * Source: kernel Documentation/filesystems/overlayfs.rst, nesting overlayfs mounts.
 */
import { constants as os } from "node:os";
import { type ByteString, byteString, decodeName } from "./byte-string.ts";
import { LayerFileFailed } from "./errors.ts";
import type { LayerFiles, OverlayAttributes } from "./layer-files.ts";

/** Of the machine that packed the layer, not of the image. */
const FOREIGN: ReadonlySet<string> = new Set(["security.selinux", "security.nfs4_acl", "system.nfs4_acl"]);
const { ENOTSUP, EPERM } = os.errno;

/** Marks a directory that hides what the layers below have in it. */
export function opaqueAttribute({ overlayAttributes }: Pick<LayerFiles, "overlayAttributes">): ByteString {
  return byteString(`${overlayAttributes}opaque`);
}
/** Its value. */
export const OPAQUE_VALUE: Uint8Array = Buffer.from("y");

const INDIRECT: Readonly<Record<string, string>> = { redirect: "redirect_dir", metacopy: "metacopy" };

/**
 * The feature of overlayfs by which `key` says that the content of a name lies in a layer below, which is written where the kernel is set to:
 * then the upper directory alone does not tell what changed.
 */
export function indirectFeature(key: ByteString, overlay: OverlayAttributes): string | undefined {
  return key.startsWith(overlay) ? INDIRECT[key.slice(overlay.length)] : undefined;
}

/** What the kernel shows without the second `overlay.` inside the mount (Linux 6.7). */
function escaped(overlay: OverlayAttributes): string {
  return `${overlay}overlay.`;
}

/**
 * The name under which `key` is set in a directory that becomes an overlay layer or stays plain; undefined: not at all. A layer that could
 * set overlayfs's own attributes would hide or redirect files of the layers below.
 */
export function attributeName(
  key: ByteString,
  mode: "overlay" | "plain",
  overlay: OverlayAttributes,
): ByteString | undefined {
  if (FOREIGN.has(key)) return undefined;
  if (!key.startsWith(overlay)) return key;
  return mode === "overlay" ? ((escaped(overlay) + key.slice(overlay.length)) as ByteString) : undefined;
}

/** The name in a layer of an attribute found on disk; undefined: it stays there. */
export function archivedAttributeName(key: ByteString, overlay: OverlayAttributes): ByteString | undefined {
  if (FOREIGN.has(key)) return undefined;
  const prefix = escaped(overlay);
  if (key.startsWith(prefix)) return (overlay + key.slice(prefix.length)) as ByteString;
  return key.startsWith(overlay) ? undefined : key;
}

/** Sets the attributes of one file. What the file system cannot hold, or who runs this may not set, becomes a warning. */
export function setAttributes(
  files: LayerFiles,
  directory: number,
  name: ByteString,
  xattrs: ReadonlyMap<ByteString, Uint8Array>,
  mode: "overlay" | "plain",
  warn: (text: string) => void,
): void {
  for (const [key, value] of xattrs) {
    const stored = attributeName(key, mode, files.overlayAttributes);
    if (stored === undefined) continue;
    const result = files.setAttribute(directory, name, stored, value);
    if (result >= 0) continue;
    const isTolerable = result === -ENOTSUP || (result === -EPERM && isUnprivileged(files));
    if (!isTolerable) throw new LayerFileFailed("set extended attribute", decodeName(stored), result);
    warn(`extended attribute ${decodeName(key)} cannot be kept`);
  }
}

/** A plain user, or root of a user namespace, who sets what belongs to its own files, and no more, and makes no devices. */
export function isUnprivileged({ overlayAttributes }: Pick<LayerFiles, "overlayAttributes">): boolean {
  return process.getuid?.() !== 0 || overlayAttributes === "user.overlay.";
}
