/**
 * `teu unpack`: an image as a bundle that any OCI runtime runs: one directory tree, owners and all, and a config.json
 * made by the image specification's rules and docker's defaults. Source: image-spec conversion.md; runtime-spec bundle.md.
 */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { TeuError } from "../base/index.ts";
import { type ByteString, convertConfig, rootFileReader, unpackImage } from "../image/index.ts";
import type { Platform, RuntimeConfig } from "../spec/index.ts";
import { architecture, layerFiles } from "../sys/index.ts";
import { makeConfig } from "./bundle/config.ts";
import { CAPABILITIES } from "./bundle/defaults.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import type { ImageDocuments } from "./image/content.ts";
import { orDamage } from "./image/damage.ts";
import { type EnsureOptions, ensureImage } from "./image/ensure.ts";
import { choosePlatform } from "./image/platform.ts";
import { abortOnSignal } from "./run/signals.ts";
import { UnpackAhead } from "./snapshot/unpack-ahead.ts";
import { unpackTree } from "./snapshot/unpack-tree.ts";
import { takeLease } from "./store/leases.ts";
import type { Store } from "./store/store.ts";

/** The directory is there already. */
export class BundleExists extends TeuError<"bundle-exists", { path: string }> {
  constructor(context: { path: string }) {
    super(
      "bundle-exists",
      "already-exists",
      context,
      `Cannot unpack to ${JSON.stringify(context.path)}: it is there already`,
    );
  }
}

/** How to get the image. */
export interface UnpackBundleOptions extends Omit<EnsureOptions, "platform"> {
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
}

/** Unpacks the image that `text` means to `directory`, which must not be there; after an error it is not. */
export async function unpackBundle(
  store: Store,
  text: string,
  directory: string,
  options: UnpackBundleOptions,
): Promise<void> {
  using interrupt = abortOnSignal();
  const path = resolve(directory);
  make(path);
  try {
    using _lease = takeLease(store.database, `unpack ${text}`);
    const choice = choosePlatform(options.platform);
    const rootfs = join(path, "rootfs");
    makeRoot(rootfs);
    await using ahead = new UnpackAhead(store, interrupt.signal, async (coming, signal, arrived) => {
      await unpackTree(store, coming, rootfs, signal, arrived);
      return true;
    });
    const wanted = { ...options, ...choice, follow: async () => ahead };
    const { image } = await ensureImage(store, text, wanted, interrupt.signal);
    try {
      if ((await ahead.result(image.descriptor)) !== true) {
        await ahead[Symbol.asyncDispose]();
        await unpackHere(store, image, rootfs, interrupt.signal);
      }
    } catch (error) {
      throw await orDamage(store, image.manifest.layers, error);
    }
    const config = configOf(image, rootfs, basename(path));
    writeFileSync(join(path, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

/** The time of a root that no layer describes is umoci's: the same image makes the same tree. */
function makeRoot(rootfs: string): void {
  mkdirSync(rootfs, { mode: 0o755 });
  utimesSync(rootfs, 0, 0);
}

async function unpackHere(
  store: Store,
  image: ImageDocuments,
  rootfs: string,
  signal: AbortSignal,
): Promise<void> {
  // Of another image there may be a part: a registry has moved the name while its mirror sent it.
  rmSync(rootfs, { recursive: true, force: true });
  makeRoot(rootfs);
  await unpackImage(store.content, image, rootfs, { files: layerFiles<ByteString>() }, signal);
}

function make(path: string): void {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new BundleExists({ path });
  }
}

function configOf(image: ImageDocuments, rootfs: string, name: string): RuntimeConfig {
  const read = rootFileReader(layerFiles<ByteString>(), rootfs);
  const { process, annotations } = convertConfig(image.config, read);
  const config = makeConfig(
    // An image without a command is a bundle to be finished by hand: a shell is what people try first.
    {
      entrypoint: process.args.length === 0 ? ["sh"] : process.args,
      command: [],
      environment: process.env,
      workingDirectory: process.cwd,
    },
    { command: [], environment: [], volumes: [], isReadonly: false, network: "none", terminal: false },
    {
      hostname: HOSTNAME.test(name) ? name : "teu",
      rootfs: "rootfs",
      user: process.user,
      seccomp: defaultSeccomp({ capabilities: CAPABILITIES, architecture }),
      hasSwapLimit: false,
      // Whoever runs it may be a plain user.
      hasAllGroups: false,
      files: [],
    },
  );
  return { ...config, annotations };
}

const HOSTNAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;
