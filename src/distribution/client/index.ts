/** Speaks to registries. Portable: only `fetch` and `node:` interfaces. */

export type { BlobSource } from "./blob-push.ts";
export type { BlobAddress } from "./blob-read.ts";
// The client of one repository.
export { RegistryClient, type RegistryClientOptions } from "./client.ts";
// Who we are to a registry.
export {
  type CredentialSource,
  type Credentials,
  credentialFiles,
  fileCredentials,
  InvalidCredentialsFile,
} from "./credentials.ts";
export { isLoopback } from "./endpoint.ts";
export type { EntraToken } from "./entra.ts";
// What can go wrong.
export {
  BadRegistryAnswer,
  IncompleteImage,
  ManifestDigestMismatch,
  ManifestNotFound,
  NoSuchPlatform,
  RegistryRefused,
  RegistryUnauthenticated,
  RegistryUnavailable,
  UntrustedAddress,
} from "./errors.ts";
export type { Fetch } from "./http.ts";
export { forgetLogin, type IdentityToken, type KeptIn, keepLogin, type Login } from "./login.ts";
export type { ResolvedManifest } from "./manifest.ts";
// Whole images, between a registry and a content store.
export type { BlobEvent, PullEvent, PushEvent } from "./progress.ts";
export { type PulledImage, type PullOptions, pullImage, resolveImage } from "./pull.ts";
export { type PushOptions, pushImage } from "./push.ts";
export { readAhead } from "./read-ahead.ts";
export { type Referrers, referrersTag } from "./referrers.ts";
export type { Repository } from "./repository.ts";
export { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
export type { FoundRepository } from "./search.ts";
export { streamOf } from "./stream.ts";
