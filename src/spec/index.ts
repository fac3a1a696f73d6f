/** The documents of the three OCI specifications as types, parsers and validators. Pure: no I/O. */

// Checks of parsed JSON: every issue, with its path.
export {
  array,
  boolean,
  type Check,
  encodeIssue,
  encodePath,
  type Fields,
  InvalidDocument,
  type Issue,
  integer,
  mustBe,
  object,
  oneOf,
  optional,
  record,
  string,
} from "./check.ts";
// Image documents: what descriptors point at, with the bounds on what is read into memory.
export {
  type Annotations,
  type Descriptor,
  descriptorCheck,
  embeddedContent,
  emptyDescriptor,
} from "./descriptor.ts";
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
// What registries answer when they refuse.
export {
  DISTRIBUTION_ERROR_CODES,
  type DistributionError,
  type DistributionErrorCode,
  encodeDistributionErrors,
  parseDistributionErrors,
} from "./distribution-error.ts";
export { MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES } from "./document.ts";
export {
  type ExecutionConfig,
  type Healthcheck,
  type History,
  type ImageConfig,
  parseImageConfig,
  type RootFileSystem,
} from "./image-config.ts";
export {
  type ImageIndex,
  type ManifestOrIndex,
  parseImageIndex,
  parseManifestOrIndex,
} from "./image-index.ts";
// JSON text, with the place of an error and every digit of an integer.
export { encodeJSON, InvalidJSON, parseJSON } from "./json.ts";
export { type Manifest, parseManifest } from "./manifest.ts";
export {
  dockerMediaType,
  dockerMediaTypes,
  isNondistributableLayer,
  type LayerCompression,
  layerCompression,
  type MediaTypeKind,
  mediaTypeKind,
  mediaTypes,
  ociMediaType,
  withoutParameters,
} from "./media-type.ts";
export { IMAGE_LAYOUT_VERSION, type ImageLayout, MAX_LAYOUT_BYTES, parseImageLayout } from "./oci-layout.ts";
export {
  encodePlatform,
  InvalidPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
  platformLadder,
  platformOfProcessor,
  selectPlatform,
  suitsPlatform,
} from "./platform.ts";
// The names of images.
export {
  DEFAULT_REGISTRY,
  DEFAULT_TAG,
  encodeReference,
  familiarReference,
  InvalidReference,
  isRegistryName,
  isRepositoryName,
  isTag,
  parseReference,
  type Reference,
  type RegistryName,
  type RepositoryName,
  type Tag,
} from "./reference.ts";
export { type Referrer, referrerOf } from "./referrer.ts";
// The runtime's documents: config.json, state, features.
export { parseProcess, parseResources, parseRuntimeConfig } from "./runtime-check.ts";
export {
  type Capabilities,
  type ConsoleSize,
  type CPUAffinity,
  type Hook,
  type HookName,
  type Hooks,
  hookNames,
  type IDMapping,
  type Integer64,
  type IOPriority,
  type Mount,
  type Process,
  type Rlimit,
  type Root,
  type RuntimeConfig,
  type Scheduler,
  type User,
} from "./runtime-config.ts";
export type { LinuxFeatures, RuntimeFeatures } from "./runtime-features.ts";
export {
  type Device,
  type IntelRdt,
  type Linux,
  type MemoryPolicy,
  type Namespace,
  type NamespaceType,
  type NetDevice,
  namespaceTypes,
  type Personality,
  type TimeOffset,
} from "./runtime-linux.ts";
export type {
  BlockIOResources,
  CPUResources,
  DeviceRule,
  HugepageLimit,
  InterfacePriority,
  MemoryResources,
  NetworkResources,
  PidsResources,
  RdmaLimit,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from "./runtime-resources.ts";
export {
  type ContainerProcessState,
  type Seccomp,
  type SeccompAction,
  type SeccompArgument,
  type SeccompOperator,
  type SeccompRule,
  seccompActions,
  seccompOperators,
} from "./runtime-seccomp.ts";
export { type ContainerStatus, type RuntimeState, runtimeSpecVersion } from "./runtime-state.ts";
