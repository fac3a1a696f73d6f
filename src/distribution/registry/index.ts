/** The registry server: the distribution specification over a folder. */

// The configuration file, and what it says of access and storage.
export { parseRegistryConfig, type RegistryConfig, type UpstreamConfig } from "./config.ts";
export { collectionOf, policyOf, registryOptions } from "./open-config.ts";
// The registry as a function, for tests and for whoever has a socket already.
export { type OpenRegistry, openRegistry, type StorageOptions } from "./registry.ts";
// The registry on a socket.
export {
  CannotListen,
  InvalidListenAddress,
  type Registry,
  type RegistryOptions,
  serveRegistry,
} from "./serve.ts";
// Upkeep, by whoever serves the folder or by who asks.
export { type Line, type Operation, operate } from "./upkeep/operations.ts";
export type { UploadLimits } from "./uploads.ts";
