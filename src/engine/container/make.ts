/**
 * Makes a container, up to its bundle: the record first, so that whatever follows can be found and cleaned; then the
 * writable layer, the mount, the files, config.json.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, hasCode, thisOwner, Unsupported } from "../../base/index.ts";
import { parseRuntimeConfig } from "../../spec/index.ts";
import { isInUserNamespace } from "../../sys/index.ts";
import { type Bundle, encodeConfig } from "../bundle/bundle.ts";
import { commandOf, entrypointOf, makeConfig, type Surroundings } from "../bundle/config.ts";
import { filesIn, writeFiles } from "../bundle/files.ts";
import { REAPER_PATH, reaperMount } from "../bundle/reaper.ts";
import { hasSwapLimit } from "../bundle/swap.ts";
import type { Filter } from "../default-filter.ts";
import { withPlaces } from "../network/cni/configuration.ts";
import { DEFAULT_NETWORK } from "../network/predefined.ts";
import { InvalidOption } from "../options/error.ts";
import { healthCheckOf } from "../options/health.ts";
import { makeID, makeName, shortID } from "../options/name.ts";
import type { NetworkAttachment } from "../options/network.ts";
import type { ExposedPort, PublishedPort } from "../options/publish.ts";
import { storageBytes } from "../options/storage.ts";
import { cgroupsPath } from "../paths.ts";
import { copyOwnership, filesDirectory, layerDirectories } from "../snapshot/directories.ts";
import { limitDirectory } from "../snapshot/limit-directory.ts";
import { type MountLayers, mountOverlay } from "../snapshot/overlay.ts";
import {
  addContainer,
  type ContainerMount,
  type ContainerRecord,
  type ContainerUsers,
  type HeldImageMount,
} from "../store/containers.ts";
import { withWaitingThread } from "../store/database.ts";
import { noteImageUse } from "../store/images.ts";
import { addSnapshot, snapshotChain } from "../store/snapshots.ts";
import { bundleDirectory, containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { holdVolumes, nameVolumes, openVolumes } from "../volume/hold.ts";
import { findContainer } from "./find.ts";
import { makeInitLayer } from "./init-layer.ts";
import { pathsOf, rejoin } from "./join.ts";
import { keepContainer } from "./keep.ts";
import { encodeRecord, RECORD } from "./note-record.ts";
import type { ContainerRequest, UnpackedImage } from "./request.ts";
import { mountSharedMemory, SHAREABLE, sharedMemoryOf } from "./shared-memory.ts";

/**
 * Records a new container on `image`. From here on it can be removed. Nothing that the record names is made before it is on disk.
 * @param chooseUsers  Chooses its users, in the transaction in which it is recorded; undefined: they are the host's.
 * @throws {NameInUse} @throws {NoCommand}
 */
export function recordContainer(
  store: Store,
  image: UnpackedImage,
  request: ContainerRequest,
  images: readonly HeldImageMount[],
  chooseUsers: () => ContainerUsers | undefined = () => undefined,
): { readonly container: ContainerRecord; readonly isOnDisk: Promise<void> } {
  const id = makeID();
  const { runtime, autoRemove, interactive, options } = request;
  const mounts = mountsFor(store, request, image, images);
  const isNamed = (name: string) => request.volumes.some((asked) => asked.name === name);
  const joins = Object.fromEntries(
    Object.entries(request.joins).map(([type, text]) => [type, findContainer(store, text).id]),
  );
  const stopSignal = request.stopSignal ?? image.process.stopSignal;
  const health = healthCheckOf(image.health, image.shell, request.health);
  const labels = { ...image.labels, ...request.labels };
  const exposed = exposedOf(request, image);
  const networkMode = (["none", "host"] as const).find((mode) => mode === options.network);
  const settings = {
    command: commandOf(image.process, options),
    entrypoint: entrypointOf(image.process, options),
    user: request.user ?? image.user,
    ...(exposed.length > 0 && { exposed }),
    ...(networkMode !== undefined && { networkMode }),
    ...(options.hostname !== undefined && { hostname: options.hostname }),
    autoRemove,
    interactive,
    ...(request.keepsInput && { keepsInput: true }),
    terminal: options.terminal,
    ...(request.networks.length > 0 && {
      networks: withTargets(store, request.networks).map(withPlaces),
      ports: portsOf(store, request, image),
    }),
    ...(Object.keys(joins).length > 0 && { joins }),
    ...(request.resolvers.length > 0 && { resolvers: request.resolvers }),
    ...(runtime !== undefined && { runtime }),
    ...(mounts.length > 0 && { mounts }),
    ...(request.hasInit && { hasInit: true }),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(request.hosts.length > 0 && { hosts: request.hosts }),
    ...(request.searchDomains.length > 0 && { searchDomains: request.searchDomains }),
    ...(request.resolverOptions.length > 0 && { resolverOptions: request.resolverOptions }),
    ...(request.ipc !== "private" && { ipc: request.ipc }),
    ...(request.ipc === SHAREABLE &&
      options.shmBytes !== undefined && { sharedMemoryBytes: options.shmBytes }),
    ...(request.cgroupParent !== undefined && { cgroupParent: request.cgroupParent }),
    ...(request.storage !== undefined && { storage: request.storage }),
    ...(options.isPrivileged && { isPrivileged: true }),
    ...(request.asked && { asked: request.asked }),
    ...(request.stopTimeoutSeconds !== undefined && { stopTimeoutSeconds: request.stopTimeoutSeconds }),
    ...(request.restart && { restart: request.restart }),
    ...(health && { health }),
    ...(request.log && { log: request.log }),
  };
  const add = (name: string) =>
    withWaitingThread(store.database, () => {
      const parent = image.top?.number ?? null;
      const users = chooseUsers();
      const { number } = addSnapshot(store.database, {
        kind: "active",
        key: id,
        parent,
        size: 0,
        hidesLower: false,
      });
      addContainer(store.database, store.namespace, {
        id,
        name,
        image: image.asked,
        imageTarget: image.target,
        snapshot: number,
        settings: users === undefined ? settings : { ...settings, users },
        owner: thisOwner(),
      });
      noteImageUse(store.database, store.namespace, image.target.digest);
      holdVolumes(
        store,
        id,
        mounts.filter((mount) => mount.kind === "volume"),
        (name) => !isNamed(name),
      );
    });
  const isOnDisk = request.name !== undefined ? add(request.name) : addWithMadeName(add);
  return { container: findContainer(store, id), isOnDisk };
}

/** `networks` with the IDs of what is linked to in the pre-defined one: it may be called otherwise later. @throws {NoSuchContainer} */
function withTargets(store: Store, networks: readonly NetworkAttachment[]): readonly NetworkAttachment[] {
  return networks.map((attachment) =>
    attachment.name !== DEFAULT_NETWORK || attachment.links === undefined
      ? attachment
      : {
          ...attachment,
          links: attachment.links.map((link) => ({ ...link, id: findContainer(store, link.target).id })),
        },
  );
}

/** Those that were asked for; with `-P` also what is served and leads nowhere yet, to free ports. */
function portsOf({ home }: Store, request: ContainerRequest, image: UnpackedImage): PublishedPort[] {
  const { ports, publishesAll } = request;
  // What leads ports into a plain user's network leads those of sockets. An image that serves others, too, can be run all the same.
  const canLead = ({ protocol }: ExposedPort) => home === undefined || protocol !== "sctp";
  const refused = ports.find((port) => !canLead(port));
  if (refused !== undefined)
    throw new Unsupported({
      what: `port ${refused.containerPort}/${refused.protocol} of a plain user's container`,
      why: "neither slirp4netns nor pasta leads SCTP",
    });
  const isLed = (port: ExposedPort) => ports.some((other) => isSamePort(port, other));
  const served = publishesAll ? exposedOf(request, image) : [];
  return [...ports, ...served.filter((port) => canLead(port) && !isLed(port))];
}

/** What its program serves, as the image says and the caller; a port that is published is served. */
function exposedOf({ ports, exposed }: ContainerRequest, image: UnpackedImage): ExposedPort[] {
  const all: ExposedPort[] = [];
  for (const port of [...exposed, ...image.exposed, ...ports])
    if (!all.some((other) => isSamePort(port, other)))
      all.push({ protocol: port.protocol, containerPort: port.containerPort });
  return all;
}

function isSamePort(one: ExposedPort, other: ExposedPort): boolean {
  return one.containerPort === other.containerPort && one.protocol === other.protocol;
}

function addWithMadeName<T>(add: (name: string) => T): T {
  try {
    return add(makeName());
  } catch (error) {
    if (!hasCode(error, "name-in-use")) throw error;
    return add(makeName(true));
  }
}

/** What a container is to see of the host: what its caller asks for, what other containers have, what its image wants. */
function mountsFor(
  store: Store,
  request: ContainerRequest,
  image: UnpackedImage,
  images: readonly HeldImageMount[],
): ContainerMount[] {
  const { options, volumes, volumesFrom } = request;
  const taken = new Set<string>();
  for (const { destination } of [...options.volumes, ...volumes, ...images, ...(options.tmpfs ?? [])]) {
    if (taken.has(destination))
      throw new InvalidOption(
        { option: "--volume", value: destination },
        `Duplicate mount point: ${destination}`,
      );
    taken.add(destination);
  }
  const isFree = ({ destination }: { readonly destination: string }): boolean => {
    const isNew = !taken.has(destination);
    taken.add(destination);
    return isNew;
  };
  const borrowed = volumesFrom.flatMap(({ container, readonly }) =>
    (findContainer(store, container).settings.mounts ?? [])
      .filter(isFree)
      // An image that is shown to be read is not changed by who has it from another.
      .map((mount) =>
        readonly === undefined || (mount.kind === "image" && mount.readonly) ? mount : { ...mount, readonly },
      ),
  );
  const ofImage = image.volumes
    .map((destination) => ({ kind: "volume" as const, destination, readonly: false, copies: true }))
    .filter(isFree);
  return [...options.volumes, ...nameVolumes([...volumes, ...ofImage]), ...images, ...borrowed];
}

/** Makes the directories of a new container, mounts its root and writes its config.json. @param isStarted  Whether it is started next */
export async function makeBundle(
  store: Store,
  container: ContainerRecord,
  image: UnpackedImage,
  request: ContainerRequest,
  filter: Filter | undefined,
  isStarted: boolean,
): Promise<Bundle> {
  const { options } = request;
  const kept = containerDirectory(store, container.id);
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  const { users } = container.settings;
  const ofUsers = users && (await import("../users/bundle.ts"));
  const mount = ofUsers?.mountOf(store, container) ?? mountOverlay;
  const { path, rootfs } = openBundle(store, container, mount);
  ofUsers?.giveSharedMemory(container, path);
  using shown = ofUsers?.filesOfImage(store, container, image.top);
  const volumes = await openVolumes(store, container, shown?.path ?? rootfs, { isNew: true, mount });
  makeInitLayer(rootfs, ofUsers?.filesOf(container));
  for (const { source } of options.volumes) if (!existsSync(source)) mkdirSync(source, { recursive: true });
  const joined = await pathsOf(store, request.joins, isStarted);
  const { hostname, files } = identify(store, container, request, kept);
  ofUsers?.giveFiles(container, files);
  const binds = (container.settings.mounts ?? []).filter((mount) => mount.kind === "bind");
  const init = request.hasInit ? [reaperMount(store.paths.run)] : [];
  // Other runtimes need not know how to make what is mounted below read-only too.
  const below = request.runtime === undefined ? {} : { isReadonlyBelow: false };
  const mounted = [...init, ...binds, ...volumes].map((mount) => ({ ...below, ...mount }));
  const seen = { ...options, volumes: mounted };
  const user = image.resolveUser(rootfs, request.user);
  const groups = request.groups.map((group) => image.resolveUser(rootfs, `0:${group}`).gid);
  const sharedMemory = sharedMemoryOf(store, container);
  const asked = makeConfig(image.process, seen, {
    hostname,
    cgroupsPath: cgroupsPath(container.id, request.cgroupParent),
    rootfs: "rootfs",
    user:
      groups.length === 0 ? user : { ...user, additionalGids: [...(user.additionalGids ?? []), ...groups] },
    seccomp: filter?.profile,
    hasSwapLimit: options.resources?.memory !== undefined && hasSwapLimit(),
    ...(sharedMemory !== undefined && { sharedMemory }),
    joined,
    files,
    ...(users !== undefined && { hasOwnUsers: true }),
    hasAllGroups: users === undefined && !isInUserNamespace(),
    ...(request.hasInit && { init: REAPER_PATH }),
  });
  const config = isInUserNamespace()
    ? await (await import("../home/conditions.ts")).configInHome(container, asked)
    : users !== undefined
      ? (await import("../users/config.ts")).withUsers(asked, users, joined.user)
      : asked;
  // Kept where a reboot leaves it, for the next start.
  const text = encodeConfig(config);
  for (const directory of [kept, path]) writeFileSync(join(directory, "config.json"), text, { mode: 0o600 });
  if (!container.settings.autoRemove) {
    writeFileSync(join(kept, RECORD), encodeRecord(store, container), { mode: 0o600 });
    keepContainer(store, container);
  }
  const isAsked = filter?.program !== undefined && config.linux?.seccomp === filter.profile;
  return { path, config, text, ...(isAsked && { program: filter.program }) };
}

/** Loaded where a container is called as its host is. */
function nameOfHost(): string {
  return process.getBuiltinModule("node:os").hostname();
}

/** What it is called, and the files that say so: those of the container whose network it is in, where there is one. */
function identify(
  store: Store,
  container: ContainerRecord,
  { options, joins, hosts, resolvers, searchDomains, resolverOptions }: ContainerRequest,
  kept: HostPath,
): { hostname: string; files: Surroundings["files"] } {
  if (joins.network !== undefined) {
    const other = containerDirectory(store, findContainer(store, joins.network).id);
    const text = readFileSync(join(other, "config.json"), "utf8");
    const { hostname = nameOfHost() } = parseRuntimeConfig(text);
    return { hostname, files: filesIn(other) };
  }
  // On the host's network it is known by the host's name, as docker has it.
  const hostname = options.hostname ?? (options.network === "host" ? nameOfHost() : shortID(container.id));
  const asked = { servers: resolvers, searchDomains, options: resolverOptions };
  writeFiles(kept, { hostname, network: options.network, hosts, resolvers: asked });
  return { hostname, files: filesIn(kept) };
}

/** Makes the bundle of a container that has run before. */
export async function remakeBundle(store: Store, container: ContainerRecord): Promise<Bundle> {
  const { users } = container.settings;
  const ofUsers = users && (await import("../users/bundle.ts"));
  const mount = ofUsers?.mountOf(store, container) ?? mountOverlay;
  const { path, rootfs } = openBundle(store, container, mount);
  ofUsers?.giveSharedMemory(container, path);
  await openVolumes(store, container, rootfs, { isNew: false, mount });
  if (container.settings.hasInit) reaperMount(store.paths.run); // a reboot takes it
  const before = readFileSync(join(containerDirectory(store, container.id), "config.json"), "utf8");
  const config = await rejoin(store, parseRuntimeConfig(before), container.settings.joins ?? {});
  const text = encodeConfig(config);
  writeFileSync(join(path, "config.json"), text, { mode: 0o600 });
  return { path, config, text };
}

/** The bundle's directory, with the root mounted in it. */
function openBundle(
  store: Store,
  container: ContainerRecord,
  mount: MountLayers = mountOverlay,
): { path: HostPath; rootfs: HostPath } {
  const path = bundleDirectory(store, container.id);
  const rootfs = join(path, "rootfs") as HostPath;
  mkdirSync(rootfs, { recursive: true, mode: 0o700 });
  mountRoot(store, container, rootfs, mount);
  if (container.settings.ipc === SHAREABLE) mountSharedMemory(path, container.settings.sharedMemoryBytes);
  return { path, rootfs };
}

/** Mounts the layers of a container, the writable one on top, on `target`. @throws {NoProjectQuota} */
export function mountRoot(
  store: Store,
  { snapshot, settings }: ContainerRecord,
  target: HostPath,
  mount: MountLayers,
): void {
  if (snapshot === null) return;
  const [active, top] = snapshotChain(store.database, snapshot);
  if (active === undefined) return;
  const around = snapshotDirectory(store, active.number);
  const upper = filesDirectory(store, active);
  const work = join(around, "work") as HostPath;
  const limit = storageBytes(settings.storage ?? {});
  if (limit > 0) {
    mkdirSync(around, { recursive: true, mode: 0o755 });
    limitDirectory(store, around, limit); // before anything is in it: what is made in it later belongs to the limit
  }
  mkdirSync(upper, { recursive: true, mode: 0o755 });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const lower = top === undefined ? [] : layerDirectories(store, top);
  if (top !== undefined) copyOwnership(filesDirectory(store, top), upper);
  const writable = { upper, work, isPassing: settings.autoRemove };
  mount({ base: store.paths.snapshots, lower, writable, target });
}
