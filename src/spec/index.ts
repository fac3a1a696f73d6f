/** The documents of the three OCI specifications as types, parsers and validators. Pure: no I/O. */

// Checks of parsed JSON: every issue, with its path.
export {
  type Check,
  encodeIssue,
  encodePath,
  InvalidDocument,
  type Issue,
} from "./check.ts";
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
// JSON text, with the place of an error and every digit of an integer.
export { InvalidJSON, parseJSON } from "./json.ts";
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
// The runtime's documents: config.json, state, features.
export { parseProcess, parseResources, parseRuntimeConfig } from "./runtime-check.ts";
export type {
  Capabilities,
  ConsoleSize,
  CPUAffinity,
  Hook,
  HookName,
  Hooks,
  IDMapping,
  Integer64,
  IOPriority,
  Mount,
  Process,
  Rlimit,
  Root,
  RuntimeConfig,
  Scheduler,
  User,
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
export type { ContainerStatus, RuntimeState } from "./runtime-state.ts";
