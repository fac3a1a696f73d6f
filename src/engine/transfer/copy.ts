/** `teu copy`: opens both places and copies from one to the other. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Unsupported } from "../../base/index.ts";
import { ContentStore } from "../../content/index.ts";
import type { RegistryClient } from "../../distribution/client/index.ts";
import {
  archiveDestination,
  archiveSource,
  type CopiedImage,
  type CopyEvent,
  directoryDestination,
  directorySource,
  type ImageDestination,
  type ImageFormat,
  type ImageSource,
  layoutDestination,
  layoutSource,
  copyImage as move,
  unpackedSource,
} from "../../image/index.ts";
import { type Digest, isTag, type LayerCompression, type Platform, type Tag } from "../../spec/index.ts";
import { admitImage } from "../image/admit.ts";
import { choosePlatform } from "../image/platform.ts";
import type { Signers } from "../image/sign.ts";
import { openEngine } from "../open.ts";
import { InvalidOption } from "../options/error.ts";
import { openClient, openPlaces, type RegistryAccess } from "../remote/access.ts";
import { abortOnSignal } from "../run/signals.ts";
import { type ForeignKind, InvalidPlaceName, type Place, parsePlace } from "./place.ts";

/** What is copied and how. */
export interface CopyRequest {
  /** Every platform, and the index; otherwise the one of `platform`. */
  readonly isAll?: boolean;
  /** Absent: this machine's. */
  readonly platform?: Platform | undefined;
  readonly format?: ImageFormat | undefined;
  /** How layers shall be packed; absent: as they are. */
  readonly compression?: LayerCompression | undefined;
  readonly isSameDigestRequired?: boolean;
  readonly hasReferrers?: boolean;
  /** More names at the destination: tags at a registry, whole references elsewhere. */
  readonly names?: readonly string[];
  readonly from?: RegistryAccess;
  readonly to?: RegistryAccess;
  /** The file that says which signatures an image of a registry needs; absent: this machine's. */
  readonly signaturePolicy?: string | undefined;
  /** Who signs the copy, which is then one at a registry. */
  readonly signers?: Signers | undefined;
  readonly parallel?: number | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onEvent?: (event: CopyEvent) => void;
}

/** What was copied, from where to where. */
export interface Copied extends CopiedImage {
  readonly source: string;
  readonly destination: string;
}

/** Copies the image at `from` to `to`, both as people write places. */
export async function copyImage(from: string, to: string, request: CopyRequest): Promise<Copied> {
  using interrupt = abortOnSignal();
  return await copyPlaces(parsePlace(from), parsePlace(to), request, interrupt.signal);
}

async function copyPlaces(
  from: Place,
  to: Place,
  request: CopyRequest,
  signal: AbortSignal,
): Promise<Copied> {
  const sign = await openSigning(to, request);
  const { source, client } = await openSource(from, request, signal);
  await using reading = source;
  await using writing = await openDestination(to, from, request);
  const reference = from.kind === "docker" ? from.reference : undefined;
  const { isAll, platform, signaturePolicy } = request;
  using work = request.compression === undefined ? undefined : workFolder(request.environment);
  const copied = await move(reading, writing, {
    ...request,
    recompression:
      request.compression === undefined || work === undefined
        ? undefined
        : { to: request.compression, store: work.store },
    platform: isAll ? undefined : choosePlatform(platform).platform,
    ...(reference !== undefined &&
      client !== undefined && {
        admit: async (digests) => {
          await admitImage(signaturePolicy, reference, digests, () => client, signal);
        },
      }),
    signal,
  });
  await sign?.(copied.root.digest, signal);
  return { source: reading.name, destination: writing.name, ...copied };
}

/** Where layers lie until they are copied: beside other large files, as skopeo has it. */
function workFolder(environment: CopyRequest["environment"]): Disposable & { readonly store: ContentStore } {
  const folder = mkdtempSync(join(environment["TMPDIR"] || "/var/tmp", "teu-copy-"));
  return {
    store: ContentStore.open(join(folder, "layers")),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** @returns undefined: nobody signs */
async function openSigning(
  place: Place,
  { to = {}, signers, environment }: CopyRequest,
): Promise<((digest: Digest, signal: AbortSignal) => Promise<void>) | undefined> {
  if (signers === undefined) return undefined;
  if (place.kind !== "docker") return refuseUnsigned(place.kind);
  const { reference } = place;
  const { openSigners } = await import("../image/sign.ts");
  const sign = await openSigners(signers, reference);
  return async (digest, signal) =>
    await sign(await openClient(reference, { access: to, environment }), reference, digest, signal);
}

/** Refuses to sign where there is nowhere to put it. @param kind  Of the destination. @throws {InvalidOption} */
export function refuseUnsigned(kind: string): undefined {
  if (kind === "docker") return undefined;
  throw new InvalidOption(
    { option: "--sign-by", value: "" },
    `Cannot sign an image in ${kind}: signatures are of images at registries`,
  );
}

async function openSource(
  place: Place,
  { from = {}, environment }: CopyRequest,
  signal: AbortSignal,
): Promise<{ source: ImageSource; client?: RegistryClient }> {
  switch (place.kind) {
    case "docker": {
      const { registrySource } = await import("./registry-place.ts");
      const { home, mirrors } = await openPlaces(place.reference, { access: from, environment });
      return { source: registrySource(home, place.reference, mirrors), client: home };
    }
    case "oci":
      return { source: layoutSource(place) };
    case "oci-archive":
    case "docker-archive":
      return { source: await archiveSource(place, signal) };
    case "dir":
      return { source: directorySource(place.folder) };
    case "docker-daemon": {
      const { dockerArchive } = await import("../foreign/docker-daemon.ts");
      const name = `docker-daemon:${requireName(place)}`;
      const archive = await dockerArchive([place.name], environment, signal);
      return { source: await unpackedSource(name, archive, undefined, signal) };
    }
    case "containers-storage": {
      const { containersStorageSource } = await import("../foreign/containers-storage.ts");
      requireName(place);
      return { source: containersStorageSource(place, environment) };
    }
    case "containerd": {
      const { containerdSource } = await import("../foreign/containerd.ts");
      requireName(place);
      return { source: containerdSource(place, environment) };
    }
    case "store": {
      const { storeSource } = await import("./store-place.ts");
      return { source: storeSource(await openEngine(environment), place.name) };
    }
    default:
      return place satisfies never;
  }
}

async function openDestination(
  place: Place,
  from: Place,
  { to = {}, names = [], environment }: CopyRequest,
): Promise<ImageDestination> {
  switch (place.kind) {
    case "docker": {
      const { registryDestination } = await import("./registry-place.ts");
      const { reference } = place;
      const isSameRegistry = from.kind === "docker" && from.reference.registry === reference.registry;
      const mountFrom = isSameRegistry ? from.reference.repository : undefined;
      const more = mountFrom === undefined ? {} : { mountFrom: [mountFrom] };
      const client = await openClient(reference, { access: to, environment }, more);
      return registryDestination(client, reference, names.map(parseTag), mountFrom);
    }
    case "oci":
      refuseNames(place, names);
      return layoutDestination(place);
    case "oci-archive":
    case "docker-archive":
      return archiveDestination(place, names);
    case "dir":
      refuseNames(place, names);
      return directoryDestination(place.folder);
    case "docker-daemon":
    case "containers-storage":
    case "containerd":
      throw new Unsupported(
        { what: `to copy to ${place.kind}`, why: "stores of other programs are only read" },
        { hint: HINTS[place.kind] },
      );
    case "store": {
      const { storeDestination } = await import("./store-place.ts");
      return storeDestination(await openEngine(environment), place.name, names);
    }
    default:
      return place satisfies never;
  }
}

/** How an image gets there. */
const HINTS: Readonly<Record<ForeignKind, string>> = {
  "docker-daemon": "teu save IMAGE | docker load",
  "containers-storage": "teu save IMAGE | podman load",
  containerd: "teu save IMAGE | ctr images import -",
};

function requireName({ kind, name }: Extract<Place, { kind: ForeignKind }>): string {
  if (name === "" || name.endsWith("/"))
    throw new InvalidPlaceName({
      text: `${kind}:${name}`,
      reason: "it names no image (all: 'teu import --from')",
    });
  return name;
}

function parseTag(text: string): Tag {
  if (isTag(text)) return text;
  throw new InvalidOption(
    { option: "--additional-tag", value: text },
    `Invalid tag ${JSON.stringify(text)}: at a registry, --additional-tag wants a tag`,
  );
}

function refuseNames({ kind }: Place, names: readonly string[]): void {
  if (names.length > 0)
    throw new InvalidOption(
      { option: "--additional-tag", value: names[0] ?? "" },
      `Cannot give more names in ${kind}: there is one`,
    );
}
