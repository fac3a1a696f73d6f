/** Layers, images and their archives: tar, whiteouts, compression, unpacking, packing. */

// Layers: a tar to a directory.
export { type AppliedLayer, type ApplyOptions, applyLayer, DEFAULT_LIMITS } from "./apply-layer.ts";
// Archives of images: into the store and out of it.
export { InvalidImageArchive } from "./archive/content.ts";
export { type ExportedImage, exportArchive } from "./archive/export.ts";
export { importArchive } from "./archive/import.ts";
export { nameAnnotations } from "./archive/names.ts";
// Names as tar and the kernel have them.
export { type ByteString, byteString, bytesOf, decodeName } from "./byte-string.ts";
// Images made of others.
export { type AnnotationChange, annotateManifest, changeAnnotations, changeImage } from "./change-image.ts";
export { compareLayer } from "./compare-layer.ts";
export { type ByteSource, decompress, detectCompression, InvalidCompression } from "./compression.ts";
export { convertConfig, imageVolumes } from "./convert-config.ts";
// A tree with all that describes it, once more.
export { copyDescription } from "./copy-file.ts";
export { copyTree } from "./copy-tree.ts";
// What goes wrong.
export { DiffIDMismatch, InvalidLayer, LayerFileFailed, LayerTooLarge } from "./errors.ts";
// What unpacking needs of Linux, as a value.
export type { FileStatus, LayerFiles } from "./layer-files.ts";
export type { LayerLimits, PendingLink, Unsettled } from "./layer-writer.ts";
// Where something is to be mounted.
export { makePlaceBelow } from "./make-place.ts";
export { packLayer, packMember } from "./pack-layer.ts";
export { chooseEntry, type Image, imageOf, readImage, requireImageConfig } from "./read-image.ts";
export { resolveUser, rootFileReader } from "./root-user.ts";
export { needsMergedLower, settleLayer } from "./settle-layer.ts";
export { type EntryType, InvalidArchive, type TarEntry, type Time } from "./tar/entry.ts";
export { END_OF_ARCHIVE } from "./tar/writer.ts";
// Places that images are copied from and to, and the copy.
export { archiveDestination } from "./transfer/archive-destination.ts";
export {
  type ArchiveKind,
  type ArchivePlace,
  archiveSource,
  unpackedSource,
} from "./transfer/archive-source.ts";
export { contentDestination, contentSource } from "./transfer/content-place.ts";
export type { ImageFormat } from "./transfer/convert.ts";
export { type CopiedImage, type CopyEvent, type CopyOptions, copyImage } from "./transfer/copy-image.ts";
export { directoryDestination, directorySource } from "./transfer/directory.ts";
export { InvalidPlace, NoImageInPlace } from "./transfer/errors.ts";
export { findInLayout, layoutDestination, layoutImages, layoutSource } from "./transfer/layout.ts";
export type { BlobOpener, ImageDestination, ImageDocument, ImageSource } from "./transfer/place.ts";
// The tree that layers make, by their listings.
export { compareTrees, type TreePart } from "./tree/compare.ts";
export { type LayerListing, listLayer } from "./tree/listing.ts";
export { type HiddenContent, ImageTree, type LayerChange } from "./tree/tree.ts";
export { unpackImage } from "./unpack-image.ts";
// Every digest, size, type and diffID of an image.
export { type ImageProblem, validateImage } from "./validate-image.ts";
export { walkImage } from "./walk-image.ts";
export { importLayer, type WrittenLayer, writeDocument, writeImage, writeLayer } from "./write-image.ts";
