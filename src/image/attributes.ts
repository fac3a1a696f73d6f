/**
 * Extended attributes of a layer's members: which ones are set, and under which name.
 * Source: kernel Documentation/filesystems/overlayfs.rst, nesting overlayfs mounts.
 */
import { constants as os } from "node:os";
import { type ByteString, byteString, decodeName } from "./byte-string.ts";
import { LayerFileFailed } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";

/** overlayfs's own attributes; a layer that could set them would hide or redirect files of the layers below. */
const OVERLAY = "trusted.overlay.";
/** What the kernel shows as `trusted.overlay.` inside the mount (Linux 6.7). */
const ESCAPED = "trusted.overlay.overlay.";
/** Of the machine that packed the layer, not of the image. */
const FOREIGN: ReadonlySet<string> = new Set(["security.selinux", "security.nfs4_acl", "system.nfs4_acl"]);
const { ENOTSUP, EPERM } = os.errno;

/** Marks a directory that hides what the layers below have in it. */
export const OPAQUE_ATTRIBUTE: ByteString = byteString(`${OVERLAY}opaque`);
/** Its value. */
export const OPAQUE_VALUE: Uint8Array = Buffer.from("y");

/**
 * What overlayfs writes where the kernel is set to, and what says that the content of a name lies in a layer below: the upper directory
 * alone does not tell what changed.
 */
export const INDIRECT_ATTRIBUTES: ReadonlyMap<ByteString, string> = new Map([
  [byteString(`${OVERLAY}redirect`), "redirect_dir"],
  [byteString(`${OVERLAY}metacopy`), "metacopy"],
]);

/** The name under which `key` is set in a directory that becomes an overlay layer or stays plain; undefined: not at all. */
export function attributeName(key: ByteString, mode: "overlay" | "plain"): ByteString | undefined {
  if (FOREIGN.has(key)) return undefined;
  if (!key.startsWith(OVERLAY)) return key;
  return mode === "overlay" ? ((ESCAPED + key.slice(OVERLAY.length)) as ByteString) : undefined;
}

/** The name in a layer of an attribute found on disk; undefined: it stays there. */
export function archivedAttributeName(key: ByteString): ByteString | undefined {
  if (FOREIGN.has(key)) return undefined;
  if (key.startsWith(ESCAPED)) return (OVERLAY + key.slice(ESCAPED.length)) as ByteString;
  return key.startsWith(OVERLAY) ? undefined : key;
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
    const stored = attributeName(key, mode);
    if (stored === undefined) continue;
    const result = files.setAttribute(directory, name, stored, value);
    if (result >= 0) continue;
    const isTolerable = result === -ENOTSUP || (result === -EPERM && process.getuid?.() !== 0);
    if (!isTolerable) throw new LayerFileFailed("set extended attribute", decodeName(stored), result);
    warn(`extended attribute ${decodeName(key)} cannot be kept`);
  }
}
