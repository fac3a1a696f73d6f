/** The operations that go to a registry or run a container, each from its first word to its last clean-up. */
import { type Digest, familiarReference, type Platform, parseReference } from "../spec/index.ts";
import { choosePlatform } from "./image/platform.ts";
import { pullImage, type TransferObserver } from "./image/pull.ts";
import { type Pushed, pushImage } from "./image/push.ts";
import { withFullName } from "./image/short-name.ts";
import type { Signers } from "./image/sign.ts";
import type { RegistryAccess } from "./remote/access.ts";
import { abortOnSignal } from "./run/signals.ts";
import type { Store } from "./store/store.ts";

/** How images move between here and a registry. */
export interface TransferOptions {
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
  /** What was said of the registry. */
  readonly access: RegistryAccess;
  /** The file that says which signatures an image needs; absent: this machine's. */
  readonly signaturePolicy?: string | undefined;
  readonly onProgress?: TransferObserver;
}

/** Gets an image from its registry, whether or not it is here. */
export async function pull(
  store: Store,
  text: string,
  options: TransferOptions,
): Promise<{ reference: string; digest: Digest }> {
  using interrupt = abortOnSignal();
  const choice = choosePlatform(options.platform);
  const { signal } = interrupt;
  return await withFullName(text, signal, async (name) => {
    const { target } = await pullImage(store, name, { ...options, ...choice }, signal);
    return { reference: familiarReference(parseReference(name)), digest: target.digest };
  });
}

/** Puts an image into the registry that its name names. */
export async function push(
  store: Store,
  text: string,
  options: TransferOptions & { readonly signers?: Signers | undefined },
): Promise<Pushed> {
  using interrupt = abortOnSignal();
  const { platform } = choosePlatform(options.platform);
  return await pushImage(store, text, { ...options, platform }, interrupt.signal);
}
