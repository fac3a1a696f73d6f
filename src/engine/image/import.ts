/** `teu import`: an image of one layer, from the archive of a file system. Source: docker import reference. */
import { type ByteSource, importLayer, writeImage } from "../../image/index.ts";
import type { Platform } from "../../spec/index.ts";
import { abortOnSignal } from "../run/signals.ts";
import { takeLease } from "../store/leases.ts";
import type { Store } from "../store/store.ts";
import { applyConfigChanges, type ConfigChange } from "./config-change.ts";
import { type EditedImage, nameFor, recordImage } from "./edit.ts";
import { thisPlatform } from "./platform.ts";

/** What the image is to say of itself. */
export interface ImportRequest {
  readonly reference: string;
  readonly message: string;
  readonly changes: readonly ConfigChange[];
  /** Absent: this machine's. */
  readonly platform: Platform | undefined;
  /** In seconds; absent: now. */
  readonly sourceDateEpoch: number | undefined;
}

/** Makes the image of the archive `source`, compressed or not. */
export async function importImage(
  store: Store,
  source: ByteSource,
  request: ImportRequest,
): Promise<EditedImage> {
  using interrupt = abortOnSignal();
  // What is wrong with it is told before anything is made.
  const reference = nameFor({ reference: request.reference }, request.reference);
  using _lease = takeLease(store.database, `import ${request.reference}`);
  const layer = await importLayer(store.content, source, interrupt.signal);
  const milliseconds = request.sourceDateEpoch === undefined ? Date.now() : 1000 * request.sourceDateEpoch;
  const created = new Date(milliseconds).toISOString();
  const { os, architecture, ...rest } = request.platform ?? thisPlatform();
  const descriptor = writeImage(store.content, {
    layers: [layer],
    config: {
      ...{ created, architecture, os, ...rest },
      config: applyConfigChanges({}, request.changes),
      history: [{ created, comment: request.message }],
    },
  });
  return recordImage(store, reference, descriptor, "import");
}
