/** The documents of the three OCI specifications as types, parsers and validators. Pure: no I/O. */

// Content addresses.
export {
  type ChainID,
  chainIDs,
  type DiffID,
  type Digest,
  digestAlgorithm,
  digestEncoded,
  digestOf,
  hasherFor,
  InvalidDigest,
  isDigest,
  isSupportedAlgorithm,
  parseDiffID,
  parseDigest,
} from "./digest.ts";
