/** All that is known of what a text names: a container, or else an image. */
import { hasCode, NIL_LIST, NIL_MAP, withQuiet } from "../base/index.ts";
import {
  chainIDs,
  encodePlatform,
  familiarReference,
  type ImageConfig,
  type Manifest,
  type Platform,
  parseReference,
} from "../spec/index.ts";
import { describeContainer } from "./container/describe.ts";
import { findContainer, NoSuchContainer } from "./container/find.ts";
import { type ContainerSummary, listContainers } from "./container/list.ts";
import { type ContainerSizes, sizesOf } from "./container/sizes.ts";
import { readImage } from "./image/content.ts";
import { findImage } from "./image/find.ts";
import { choosePlatform, requirePlatform } from "./image/platform.ts";
import { namesOf } from "./image/remove.ts";
import type { Store } from "./store/store.ts";

/** One image: what its name points at, and its documents for one platform, as they are stored. */
export interface ImageInspection {
  readonly kind: "image";
  readonly reference: string;
  readonly id: string;
  readonly mediaType: string;
  readonly platform: string;
  readonly manifestDigest: string;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly chainIDs: readonly string[];
}

/** What is looked at, and how closely. */
export interface InspectOptions {
  /** Of an image; absent: this machine's. */
  readonly platform?: Platform;
  readonly kind?: "container" | "image";
  /** Of a container: counting takes time. */
  readonly withSizes?: boolean;
}

/** What `text` names, by our words and by docker's. @throws {NoSuchImage} neither a container nor an image goes by it @throws {WrongPlatform} */
export async function inspect(
  store: Store,
  text: string,
  { platform, kind, withSizes = false }: InspectOptions = {},
): Promise<ImageInspection | ({ kind: "container" } & ContainerSummary)> {
  try {
    if (kind === "image") throw new NoSuchContainer({ text });
    const record = findContainer(store, text);
    const container = listContainers(store).find((summary) => summary.id === record.id);
    if (container !== undefined)
      return withQuiet(
        {
          kind: "container",
          ...container,
          ...(await describeContainer(store, record)),
          ...(withSizes && sizeShape(sizesOf(store, record))),
        },
        { SizeRw: null, SizeRootFs: null },
      );
  } catch (error) {
    if (!hasCode(error, "no-such-container") || kind === "container") throw error;
  }
  const { record } = findImage(store, text);
  const choice = choosePlatform(platform);
  const image = readImage(store, record, choice.platform);
  requirePlatform(text, image, choice);
  const { manifest, descriptor, config } = image;
  const shape = dockerShape(namesOf(store, record.digest), record.digest, manifest, config);
  const document = {
    kind: "image",
    reference: record.reference,
    id: record.digest,
    mediaType: record.mediaType,
    platform: encodePlatform(config),
    manifestDigest: descriptor.digest,
    manifest,
    config,
    chainIDs: chainIDs(config.rootfs.diff_ids),
    ...shape,
  } as const;
  return withQuiet(document, { VirtualSize: shape.Size, OsVersion: "" });
}

/** Docker's keys. */
function sizeShape({ writableBytes, rootBytes }: ContainerSizes): object {
  return { SizeRw: writableBytes, SizeRootFs: rootBytes };
}

/** What a config need not say, and what docker's has of containers. */
const EMPTY_CONFIG = {
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: "",
  User: "",
  ExposedPorts: NIL_MAP,
  Env: NIL_LIST,
  Cmd: NIL_LIST,
  Entrypoint: NIL_LIST,
  Volumes: NIL_MAP,
  WorkingDir: "",
  Labels: NIL_MAP,
  StopSignal: "",
  Healthcheck: null,
  OnBuild: NIL_LIST,
  Shell: NIL_LIST,
};

/** Docker's keys. Source: Docker Engine API, ImageInspect. */
function dockerShape(
  references: readonly string[],
  digest: string,
  manifest: Manifest,
  config: ImageConfig,
): Record<string, unknown> & { readonly Size: number } {
  const names = references.map((reference) => familiarReference(parseReference(reference)));
  const latest = config.history?.at(-1);
  return {
    Id: digest,
    RepoTags: names.filter((one) => !one.includes("@")),
    RepoDigests: [...new Set(names.map((one) => `${one.replace(/[:@][^/]*$/, "")}@${digest}`))],
    Parent: "",
    Comment: latest?.comment ?? "",
    Created: config.created ?? "",
    Author: config.author ?? "",
    DockerVersion: "",
    Config: withQuiet({ ...config.config }, EMPTY_CONFIG),
    Architecture: config.architecture,
    Variant: config.variant ?? "",
    Os: config.os,
    Size: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
  };
}
