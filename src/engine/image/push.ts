/** Pushes an image as it is stored, byte for byte, to where its name says. */
import {
  type Digest,
  encodeReference,
  familiarReference,
  MAX_MANIFEST_BYTES,
  type Platform,
  parseManifestOrIndex,
  parseReference,
} from "../../spec/index.ts";
import type { RegistryAccess } from "../remote/access.ts";
import { findImage as findRecord } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import { tellPassing } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import { readImage, type Target } from "./content.ts";
import { NoSuchImage } from "./errors.ts";
import { clientOf, type TransferObserver } from "./pull.ts";
import type { Signers } from "./sign.ts";

/** How to push. */
export interface PushOptions {
  /** Which one, where not all of an index is here. */
  readonly platform: Platform;
  /** What was said of the registry; absent: nothing. */
  readonly access?: RegistryAccess;
  /** Who signs it there. */
  readonly signers?: Signers | undefined;
  readonly onProgress?: TransferObserver;
}

/** What is at the registry now. */
export interface Pushed {
  readonly reference: string;
  readonly digest: Digest;
  readonly size: number;
  /** The index that the name means, where only one platform of it was here to be pushed. */
  readonly insteadOf: Digest | undefined;
}

/** Pushes the image that goes by the name `text`. @throws {NoSuchImage} */
export async function pushImage(
  store: Store,
  text: string,
  { platform, access, signers, onProgress }: PushOptions,
  signal?: AbortSignal,
): Promise<Pushed> {
  const reference = parseReference(text);
  const name = familiarReference(reference);
  using _lease = takeLease(store.database, `push ${name}`);
  const record = findRecord(store.database, store.namespace, encodeReference(reference));
  if (record === undefined) throw new NoSuchImage({ text });
  const root = whatIsHere(store, record, platform);
  const { pushImage: push } = await import("../../distribution/client/index.ts");
  const client = await clientOf(reference, access, "push");
  const sign =
    signers === undefined ? undefined : await (await import("./sign.ts")).openSigners(signers, reference);
  await push(client, {
    store: store.content,
    root,
    tag: reference.tag,
    onProgress: (event) => event.kind !== "manifest" && onProgress?.(event),
    ...(signal === undefined ? {} : { signal }),
  });
  const { digest, size } = root;
  await sign?.(client, reference, digest, signal);
  const repository = familiarReference({ ...reference, tag: undefined, digest: undefined });
  tellPassing(store, [{ type: "image", action: "push", actor: name, attributes: { name: repository } }]);
  return { reference: name, digest, size, insteadOf: digest === record.digest ? undefined : record.digest };
}

/** An index of which platforms are missing cannot be pushed: then it is the one platform that is here. As docker has it. */
function whatIsHere(store: Store, record: Target, platform: Platform): Target {
  const bytes = store.content.readBytes(record.digest, MAX_MANIFEST_BYTES);
  const document = parseManifestOrIndex(bytes, record.mediaType);
  if (document.kind === "manifest") return record;
  if (document.index.manifests.every(({ digest }) => store.content.has(digest))) return record;
  return readImage(store, record, platform).descriptor;
}
