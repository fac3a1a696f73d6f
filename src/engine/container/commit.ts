/**
 * `teu commit`: an image of what a container has written, on the image that it was made of. And `teu export`: all its files as one archive.
 * Source: docker commit and export references; image-spec config.md.
 */
import { closeSync } from "node:fs";
import {
  type ByteString,
  END_OF_ARCHIVE,
  packLayer,
  packMember,
  writeImage,
  writeLayer,
} from "../../image/index.ts";
import {
  type Digest,
  type ExecutionConfig,
  encodeReference,
  familiarReference,
  type ImageConfig,
  parseReference,
} from "../../spec/index.ts";
import { check, layerFiles } from "../../sys/index.ts";
import { applyConfigChanges, type ConfigChange } from "../image/config-change.ts";
import { layersOf, readImage } from "../image/content.ts";
import { wholeHistory } from "../image/history.ts";
import { changeNames } from "../image/names.ts";
import { thisPlatform } from "../image/platform.ts";
import { filesDirectory } from "../snapshot/directories.ts";
import { openStack } from "../snapshot/open-stack.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { noteContainerEvent } from "../store/events.ts";
import { putImage } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import { notePassing } from "../store/passing-events.ts";
import { snapshotChain } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";
import { executionConfigOf, readConfig } from "./execution-config.ts";
import { findContainer } from "./find.ts";
import { isRootUnchanged, mountPointsIn } from "./mount-points.ts";
import { whilePaused } from "./pause.ts";
import { openContainerRoot } from "./root.ts";

/** What the new image is to say of itself. */
export interface CommitRequest {
  readonly reference: string;
  readonly author?: string;
  readonly message?: string;
  readonly changes: readonly ConfigChange[];
  /** Whether the container stands still meanwhile. */
  readonly pauses: boolean;
  /** In seconds: when it was created, and how young its files are at most. Absent: now. */
  readonly sourceDateEpoch: number | undefined;
}

/** Makes the image. @returns its digest */
export async function commitContainer(store: Store, text: string, request: CommitRequest): Promise<Digest> {
  const container = findContainer(store, text);
  parseReference(request.reference); // what is wrong with it is told before anything is made
  using _lease = takeLease(store.database, `commit ${container.id}`);
  const base = readImage(store, container.imageTarget, thisPlatform());
  const pack = () => packChanges(store, container, request.sourceDateEpoch, layersOf(base).length > 0);
  const layer = await (request.pauses ? whilePaused(store, container, pack) : pack());
  const { config } = base;
  const created = new Date(
    request.sourceDateEpoch === undefined ? Date.now() : 1000 * request.sourceDateEpoch,
  ).toISOString();
  const { rootfs: _, ...rest } = config;
  const said: Omit<ImageConfig, "rootfs"> = {
    ...rest,
    created,
    ...(request.author !== undefined && { author: request.author }),
    config: applyConfigChanges(configOf(store, container, config.config ?? {}), request.changes),
    history: [
      ...wholeHistory(config),
      {
        created,
        created_by: container.settings.command.join(" "),
        ...(request.author !== undefined && { author: request.author }),
        ...(request.message !== undefined && { comment: request.message }),
        ...(layer === undefined && { empty_layer: true }),
      },
    ],
  };
  const { digest, mediaType, size } = writeImage(store.content, {
    layers: [...layersOf(base), ...(layer === undefined ? [] : [layer])],
    config: said,
  });
  const reference = parseReference(request.reference);
  changeNames(store, () => {
    const image = { reference: encodeReference(reference), digest, mediaType, size };
    putImage(store.database, store.namespace, image);
    noteContainerEvent(store.database, container.id, "commit", {
      comment: request.message ?? "",
      ...{ imageID: digest, imageRef: familiarReference(reference) },
    });
  });
  return digest;
}

/** @param mayBeNone  Whether it is no layer where nothing was written. */
async function packChanges(
  store: Store,
  { snapshot }: ContainerRecord,
  sourceDateEpoch: number | undefined,
  mayBeNone: boolean,
): Promise<Awaited<ReturnType<typeof writeLayer>> | undefined> {
  const [active, top] = snapshot === null ? [] : snapshotChain(store.database, snapshot);
  if (active === undefined) return undefined;
  const files = layerFiles<ByteString>();
  const path = filesDirectory(store, active);
  using lower = openStack(store, top, "commit");
  const upper = check(files.openDirectory(path), "open", path);
  try {
    const without = mountPointsIn(upper, lower.descriptor);
    const names = files.list(upper);
    const isEmpty = typeof names !== "number" && names.every((name) => without.has(name));
    if (mayBeNone && isEmpty && isRootUnchanged(upper, lower.descriptor)) return undefined;
    const pieces = packLayer(path, { files, mode: "overlay", sourceDateEpoch, without });
    return await writeLayer(store.content, pieces, "gzip");
  } finally {
    closeSync(upper);
  }
}

/** As the container runs, as docker has it; what only an image has is the image's. */
function configOf(store: Store, container: ContainerRecord, ofImage: ExecutionConfig): ExecutionConfig {
  if (container.settings.user === undefined) return ofImage; // its record is of before this was kept
  const { OnBuild, Shell, StopTimeout, ArgsEscaped } = ofImage;
  return {
    ...(OnBuild && { OnBuild }),
    ...(Shell && { Shell }),
    ...(StopTimeout !== undefined && { StopTimeout }),
    ...(ArgsEscaped !== undefined && { ArgsEscaped }),
    ...executionConfigOf(container, readConfig(store, container)),
  };
}

/** All files of a container as a tar archive, as it sees them but for what is mounted. Each piece is valid until the next is asked for. */
export async function* exportContainer(store: Store, text: string): AsyncGenerator<Uint8Array> {
  const container = findContainer(store, text);
  await using root = await openContainerRoot(store, container, { withMounts: false });
  notePassing(store, container, { export: {} });
  const { files } = root;
  const names = files.list(root.descriptor);
  if (typeof names === "number") check(names, "list", "/");
  else
    for (const name of names.sort()) yield* packMember(root.descriptor, name, name, { files, mode: "plain" });
  yield END_OF_ARCHIVE;
}
