/** `teu run`: the whole way from a reference to an exit status. */

import { imageVolumes } from "../image/index.ts";
import { chainIDs, type ImageConfig, type Platform } from "../spec/index.ts";
import { architecture } from "../sys/index.ts";
import type { SignatureVerdict } from "./audit/entry.ts";
import type { ImageProcess } from "./bundle/config.ts";
import { CAPABILITIES } from "./bundle/defaults.ts";
import type { AttachOptions } from "./container/attach.ts";
import type { ContainerRequest, UnpackedImage } from "./container/request.ts";
import { defaultFilter, type Filter } from "./default-filter.ts";
import { type EnsuredImage, type EnsureOptions, ensureImage, type PullPolicy } from "./image/ensure.ts";
import { choosePlatform } from "./image/platform.ts";
import type { TransferObserver } from "./image/pull.ts";
import { parseExposedOfImage } from "./options/publish.ts";
import { seccompOfProfile } from "./options/seccomp-profile.ts";
import { userOf } from "./options/user.ts";
import type { ImageMount } from "./options/volume.ts";
import type { RegistryAccess } from "./remote/access.ts";
import { createContainer, type HeldImage, runContainer, startContainer } from "./run/run.ts";
import { abortOnSignal } from "./run/signals.ts";
import { type StepObserver, since } from "./run/steps.ts";
import { type Unpacked, unpackLayers } from "./snapshot/unpack.ts";
import type { UnpackAhead } from "./snapshot/unpack-ahead.ts";
import type { HeldImageMount } from "./store/containers.ts";
import { takeLease } from "./store/leases.ts";
import type { Store } from "./store/store.ts";

/** How to get the image, and who watches. */
export interface RunImageOptions {
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
  /** What was said of the registry. */
  readonly access: RegistryAccess;
  /** When a registry is asked; absent: for what is not here. */
  readonly pull?: PullPolicy | undefined;
  /** How a teu in the foreground stays with its container. */
  readonly attach?: AttachOptions | undefined;
  /** The file that says which signatures an image needs; absent: this machine's. */
  readonly signaturePolicy?: string | undefined;
  readonly onStep: StepObserver;
  /** Told of a container in the foreground, by its ID. */
  readonly onStarted?: (id: string) => void;
  readonly onMissing: (reference: string) => void;
  readonly onProgress: TransferObserver;
}

/** Runs a container of the image that `text` means in the foreground. @returns the exit status of its program */
export function runImage(
  store: Store,
  text: string,
  request: ContainerRequest,
  options: RunImageOptions,
): Promise<number> {
  return withImage(store, text, request, options, (image, held) =>
    runContainer(store, image, { ...request, ...held }, options.onStep, options.attach, options.onStarted),
  );
}

/** Starts a container of the image that `text` means, which needs nobody from then on. @returns its ID */
export function startImage(
  store: Store,
  text: string,
  request: ContainerRequest,
  options: RunImageOptions,
): Promise<string> {
  return withImage(store, text, request, options, (image, held) =>
    startContainer(store, image, { ...request, ...held }, options.onStep),
  );
}

/** Makes a container of the image that `text` means, for `teu start`. @returns its ID */
export function createFromImage(
  store: Store,
  text: string,
  request: ContainerRequest,
  options: RunImageOptions,
): Promise<string> {
  return withImage(store, text, request, options, (image, held) =>
    createContainer(store, image, { ...request, ...held }),
  );
}

/** Does `work` with the image, pulled and unpacked, which cannot go away meanwhile. */
async function withImage<T>(
  store: Store,
  text: string,
  request: ContainerRequest,
  options: RunImageOptions,
  work: (image: UnpackedImage, held: HeldImage) => Promise<T>,
): Promise<T> {
  await checkVolumes(request);
  using interrupt = abortOnSignal();
  // What the image consists of must not be collected before the container's record holds on to it.
  using lease = takeLease(store.database, `run ${text}`);
  const choice = choosePlatform(options.platform);
  let verdict: SignatureVerdict = "no policy";
  const onVerdict = (said: SignatureVerdict): void => {
    verdict = said;
  };
  await using ending = new AsyncDisposableStack();
  let ahead: UnpackAhead<Unpacked> | undefined;
  const follow = async (): Promise<UnpackAhead<Unpacked>> => {
    const { UnpackAhead } = await import("./snapshot/unpack-ahead.ts");
    const work = new UnpackAhead<Unpacked>(store, interrupt.signal, (image, signal, arrived) =>
      unpackLayers(store, image, signal, arrived),
    );
    ahead = ending.use(work);
    return work;
  };
  const wanted = { ...options, ...choice, onVerdict, follow };
  const ensured = await ensureImage(store, text, wanted, interrupt.signal);
  const image = await unpack(store, ensured, ahead, options.onStep, interrupt.signal);
  const images: HeldImageMount[] = [];
  for (const mount of request.images)
    images.push(await holdImage(store, mount, { ...options, ...choice }, interrupt.signal));
  const { capabilities = CAPABILITIES } = request.options;
  const filter = seccompOf(request, capabilities);
  return await work(image, {
    filter,
    verdict,
    images,
    onRecorded: () => lease[Symbol.dispose](),
    signal: interrupt.signal,
  });
}

/** Gets an image whose files a container is to see, as it gets its own. */
async function holdImage(
  store: Store,
  mount: ImageMount,
  options: EnsureOptions & Pick<RunImageOptions, "onStep">,
  signal: AbortSignal,
): Promise<HeldImageMount> {
  const ensured = await ensureImage(store, mount.image, options, signal);
  await unpack(store, ensured, undefined, options.onStep, signal);
  const { target, descriptor } = ensured.image;
  const { mediaType, digest, size } = descriptor;
  return { ...mount, image: ensured.reference, target, manifest: { mediaType, digest, size } };
}

/** Before anything is made. @throws {InvalidOption} {Unsupported} */
async function checkVolumes({ volumes }: ContainerRequest): Promise<void> {
  for (const { options } of volumes) {
    if (options === undefined) continue;
    const { checkVolumeOptions } = await import("./volume/local-driver.ts");
    checkVolumeOptions(options);
  }
}

/** Privileged ones have a filter only if it was asked for. */
function seccompOf(
  { seccomp, options }: Pick<ContainerRequest, "seccomp" | "options">,
  capabilities: readonly string[],
): Filter | undefined {
  if (seccomp === "unconfined" || (seccomp === undefined && options.isPrivileged)) return undefined;
  if (seccomp === undefined) return defaultFilter({ capabilities, architecture });
  const kernel = process.getBuiltinModule("node:os").release();
  return { profile: seccompOfProfile(seccomp, { capabilities, architecture, kernel }) };
}

async function unpack(
  store: Store,
  { reference, asked, image }: EnsuredImage,
  ahead: UnpackAhead<Unpacked> | undefined,
  observe: StepObserver,
  signal: AbortSignal,
): Promise<UnpackedImage> {
  const start = performance.now();
  const done = (await ahead?.result(image.descriptor)) ?? (await unpackLayers(store, image, signal));
  const { top, unpacked, present, entries } = done;
  const chainID = chainIDs(image.config.rootfs.diff_ids).at(-1);
  const { ExposedPorts = {}, Healthcheck, Shell, Labels = {}, User = "" } = image.config.config ?? {};
  observe({ kind: "unpack", chainID, unpacked, present, entries, durationMs: since(start) });
  return {
    reference,
    asked,
    target: image.target,
    process: processOf(image.config),
    exposed: Object.keys(ExposedPorts).flatMap(parseExposedOfImage),
    labels: Labels,
    user: User,
    health: Healthcheck,
    shell: Shell,
    volumes: imageVolumes(image.config),
    top,
    resolveUser: (rootfs, user) => userOf(user ?? User, rootfs),
  };
}

/** Source: image-spec config.md, config. */
function processOf({ config = {} }: ImageConfig): ImageProcess {
  return {
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    environment: config.Env ?? [],
    workingDirectory: config.WorkingDir ?? "",
    ...(config.StopSignal && { stopSignal: config.StopSignal }),
  };
}
