/** The engine: containers from images, on this machine, without a daemon. Every operation works on a store. */

// How a container is asked for.
export type { AuditEntry } from "./audit/entry.ts";
export { readAudit } from "./audit/log.ts";
export type { ContainerOptions } from "./bundle/config.ts";
// Containers.
export { CAPABILITIES as DEFAULT_CAPABILITIES } from "./bundle/defaults.ts";
export { attachToContainer, restartContainer, restartWhenDue } from "./container/again.ts";
export { type AttachOptions, Detached, parseDetachKeys } from "./container/attach.ts";
// Networks.
export { connectToNetwork, disconnectFromNetwork } from "./container/change-networks.ts";
export { type Change, changesOf } from "./container/changes.ts";
export { commitContainer, exportContainer } from "./container/commit.ts";
export { type CopyEnd, copyBetween, copyFromArchive, copyToArchive } from "./container/copy.ts";
export { type ExecRequest, execInContainer } from "./container/exec.ts";
export { findContainer } from "./container/find.ts";
export { type ContainerSummary, listContainers } from "./container/list.ts";
export { pauseContainer, unpauseContainer } from "./container/pause.ts";
export { listProcesses } from "./container/processes.ts";
export { renameContainer } from "./container/rename.ts";
export type { ContainerRequest } from "./container/request.ts";
export { parseRestartPolicy } from "./container/restart-policy.ts";
export { type ContainerSizes, sizesOf } from "./container/sizes.ts";
export { parseSignal, signalContainer, stopContainer } from "./container/stop.ts";
export { stopAndStart } from "./container/stop-and-start.ts";
export { updateContainer } from "./container/update.ts";
export { type ContainerUsage, watchUsage } from "./container/usage.ts";
export { waitForContainer } from "./container/wait.ts";
// Taking both away.
export { type EventRange, watchEvents } from "./events.ts";
export { forEach as forEachName } from "./for-each.ts";
// What other programs have.
export { takeImages } from "./foreign/take.ts";
export { checkByHand } from "./health/by-hand.ts";
export { serve } from "./health/supervisor.ts";
export { loadImages, saveImages } from "./image/archive.ts";
// Images.
export { compareImageFiles, compareImageLayers } from "./image/compare.ts";
export { applyConfigChanges, parseConfigChange } from "./image/config-change.ts";
export { type EditedImage, exportImage, flattenImage, mutateImage, rebaseImage } from "./image/edit.ts";
export { annotateImage, appendToIndex, createIndex } from "./image/edit-index.ts";
export type { PullPolicy } from "./image/ensure.ts";
export { type ImageFiles, imageFiles } from "./image/files.ts";
export { imageHistory } from "./image/history.ts";
export { importImage } from "./image/import.ts";
export { type ImageSummary, listImages } from "./image/list.ts";
export type { TransferObserver } from "./image/pull.ts";
export type { Signers } from "./image/sign.ts";
export { tagImage } from "./image/tag.ts";
export { type StoredProblem, verifyImages } from "./image/verify.ts";
export { type ImageInspection, type InspectOptions, inspect } from "./inspect.ts";
// What containers have written.
export { logDetails, parseMoment, readContainerLog } from "./logs/container-log.ts";
export type { LogEntry } from "./logs/entry.ts";
export { serveNames } from "./names/server.ts";
export { createNetwork } from "./network/create.ts";
export {
  collectPluginNetworks,
  describeNetwork,
  describeNetworks,
  type NetworkSummary,
  pruneNetworks,
  removeNetwork,
} from "./network/list.ts";
export { DEFAULT_NETWORK } from "./network/predefined.ts";
// The store: opened by each command, cleaned of what killed commands left.
export { openEngine } from "./open.ts";
export { openEngineRecords } from "./open-records.ts";
export { pull, push, type TransferOptions } from "./operations.ts";
export { askedWords, capabilityName } from "./options/asked.ts";
export {
  HOST_GATEWAY,
  parseAssignments,
  parseEnvironmentFile,
  parseHost,
  parseHostname,
  parseResolver,
  parseResolverOption,
  parseSearchDomain,
  parseTmpfs,
  parseUlimit,
} from "./options/assignment.ts";
export { parseCapabilities } from "./options/capabilities.ts";
export { type DeviceEdits, isCDIName, resolveCDI } from "./options/cdi.ts";
export { allDevices, parseDevice, parseDeviceRule } from "./options/device.ts";
export { parseEndpointFlags, parseParameters } from "./options/endpoint-options.ts";
export { parseEnvironment } from "./options/environment.ts";
export { InvalidOption } from "./options/error.ts";
export { parseHealth } from "./options/health.ts";
export { parseSize } from "./options/limits.ts";
export { parseLink } from "./options/link.ts";
export { parseLog } from "./options/log.ts";
export { parseMount } from "./options/mount.ts";
export { bindShape, mountShape } from "./options/mount-shape.ts";
export { parseName } from "./options/name.ts";
export {
  checkAddress,
  checkAddress6,
  checkHardwareAddress,
  parseNetworks,
  parsePriority,
} from "./options/network.ts";
export { parseAddresses } from "./options/network-addresses.ts";
export { parseDriver } from "./options/network-driver.ts";
export { type PublishedPort, parseExposed, parsePublish } from "./options/publish.ts";
export { parseResources } from "./options/resources.ts";
export { parseSecurity } from "./options/security.ts";
export { parseStorage } from "./options/storage.ts";
export { parseUsers } from "./options/users.ts";
export { parseVolume, parseVolumeName, parseVolumesFrom } from "./options/volume.ts";
// Where state lies.
export { type EnginePaths, enginePaths } from "./paths.ts";
// Images from place to place.
// Registries, asked directly.
export type { RegistryAccess } from "./remote/access.ts";
export { pullArtifact } from "./remote/artifact.ts";
export { attachFiles, pushArtifact } from "./remote/attach.ts";
export { getRemoteBlob, putRemoteBlob, removeRemoteBlob, statRemoteBlob } from "./remote/blobs.ts";
export { listRemoteRepositories, listRemoteTags } from "./remote/list.ts";
export { type KeptIn, logIn, logInByEntra, logOut } from "./remote/login.ts";
export {
  getRemoteConfig,
  getRemoteManifest,
  putRemoteManifest,
  removeRemoteManifest,
  statRemoteManifest,
} from "./remote/manifests.ts";
export { listRemoteReferrers } from "./remote/referrers.ts";
export { type SearchResult, searchRemote } from "./remote/search.ts";
export { removeContainers } from "./remove-containers.ts";
export { removeImages } from "./remove-images.ts";
export { removeLinks } from "./remove-links.ts";
// What a run tells while it goes on.
export { Interrupted } from "./run/signals.ts";
export type { Step, StepObserver } from "./run/steps.ts";
export { createFromImage, type RunImageOptions, runImage, startImage } from "./run-image.ts";
export { selfCommand } from "./self.ts";
// A layer in a process of its own.
export { runWorker as runUnpackWorker } from "./snapshot/worker.ts";
export type { EventMessage } from "./store/events.ts";
export type { Store } from "./store/store.ts";
// The store as a whole.
export { checkStore, type Problem } from "./system/check.ts";
export { diskUsage, type UsageOfKind } from "./system/df.ts";
export { keepBudget } from "./system/keep-budget.ts";
export { type PruneKind, prune } from "./system/prune.ts";
export { repairAll } from "./system/repair-all.ts";
export { type Copied, copyImage } from "./transfer/copy.ts";
export { type SyncedImage, SyncIncomplete, syncImages } from "./transfer/sync/sync.ts";
// An image as a bundle.
export { BundleExists, type UnpackBundleOptions, unpackBundle } from "./unpack-bundle.ts";
// Volumes.
export { createVolume, describeVolume, describeVolumes, type VolumeSummary } from "./volume/create.ts";
export { pruneVolumes, removeVolume } from "./volume/remove.ts";
