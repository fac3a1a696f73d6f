/** `teu run`: the whole way from a reference to an exit status. */

import { type ByteString, resolveUser, rootFileReader } from "../image/index.ts";
import { chainIDs, type ImageConfig, type Platform, type User } from "../spec/index.ts";
import { architecture, layerFiles } from "../sys/index.ts";
import type { ImageProcess } from "./bundle/config.ts";
import { CAPABILITIES } from "./bundle/defaults.ts";
import type { ContainerRequest, UnpackedImage } from "./container/request.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import { type EnsuredImage, ensureImage } from "./image/ensure.ts";
import { choosePlatform } from "./image/platform.ts";
import type { TransferObserver } from "./image/pull.ts";
import { runContainer } from "./run/run.ts";
import { abortOnSignal } from "./run/signals.ts";
import { type StepObserver, since } from "./run/steps.ts";
import { unpackLayers } from "./snapshot/unpack.ts";
import { takeLease } from "./store/leases.ts";
import type { Store } from "./store/store.ts";

/** A container in the foreground. */
export interface RunImageRequest extends ContainerRequest {
  /** Whether the program reads our input. */
  readonly interactive: boolean;
}

/** How to get the image, and who watches. */
export interface RunImageOptions {
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
  readonly isInsecure: boolean;
  readonly onStep: StepObserver;
  readonly onMissing: (reference: string) => void;
  readonly onProgress: TransferObserver;
}

/** Runs a container of the image that `text` means. @returns the exit status of its program */
export async function runImage(
  store: Store,
  text: string,
  request: RunImageRequest,
  options: RunImageOptions,
): Promise<number> {
  using interrupt = abortOnSignal();
  // What the image consists of must not be collected before the container's record holds on to it.
  using lease = takeLease(store.database, `run ${text}`);
  const choice = choosePlatform(options.platform);
  const ensured = await ensureImage(store, text, { ...options, ...choice }, interrupt.signal);
  const image = await unpack(store, ensured, options.onStep, interrupt.signal);
  const seccomp = defaultSeccomp({ capabilities: CAPABILITIES, architecture });
  return await runContainer(
    store,
    image,
    { ...request, seccomp, onRecorded: () => lease[Symbol.dispose](), signal: interrupt.signal },
    options.onStep,
  );
}

async function unpack(
  store: Store,
  { reference, image }: EnsuredImage,
  observe: StepObserver,
  signal: AbortSignal,
): Promise<UnpackedImage> {
  const start = performance.now();
  const { top, unpacked, present, entries } = await unpackLayers(store, image, signal);
  const chainID = chainIDs(image.config.rootfs.diff_ids).at(-1);
  observe({ kind: "unpack", chainID, unpacked, present, entries, durationMs: since(start) });
  return {
    reference,
    target: image.target,
    process: processOf(image.config),
    top,
    resolveUser: (rootfs, user) => userOf(user ?? image.config.config?.User ?? "", rootfs),
  };
}

/** Looks names up in the image's own files, below `rootfs`. */
function userOf(user: string, rootfs: string): User {
  const { uid, gid, additionalGids } = resolveUser(user, rootFileReader(layerFiles<ByteString>(), rootfs));
  // The group itself too: setgroups would drop it, and with it what a file denies to that group (CVE-2022-36109).
  return { uid, gid, additionalGids: [...new Set([gid, ...additionalGids])] };
}

/** Source: image-spec config.md, config. */
function processOf({ config = {} }: ImageConfig): ImageProcess {
  return {
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    environment: config.Env ?? [],
    workingDirectory: config.WorkingDir ?? "",
  };
}
