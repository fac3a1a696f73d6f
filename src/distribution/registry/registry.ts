/** A registry over a folder, without a socket. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ContentStore } from "../../content/index.ts";
import { type Handler, type HandlerOptions, makeHandler } from "./handler.ts";
import { Repositories } from "./repository.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits, Uploads } from "./uploads.ts";

/** Where a registry keeps its things and how it behaves. One process at a time serves a folder. */
export interface StorageOptions {
  /** Made if it is not there. */
  readonly root: string;
  readonly uploads?: UploadLimits;
  /** Told of failures that are ours; clients see only their code. */
  readonly onError?: NonNullable<HandlerOptions["onError"]>;
}

/** A registry that answers whoever calls it. Disposing forgets unfinished uploads. */
export interface OpenRegistry extends Disposable {
  readonly handle: Handler;
}

const EXPIRY_INTERVAL_MS = 60_000;

/** Opens the registry below `options.root`. */
export function openRegistry({
  root,
  uploads: limits = DEFAULT_UPLOAD_LIMITS,
  onError,
}: StorageOptions): OpenRegistry {
  mkdirSync(root, { recursive: true });
  const content = ContentStore.open(join(root, "content"));
  // Sessions end with their process, so what an earlier one was taking in is of no use to anybody.
  content.pruneIngests(0);
  const repositories = new Repositories(join(root, "repositories"));
  const uploads = new Uploads(content, limits);
  const expiry = setInterval(() => uploads.expire(Date.now()), EXPIRY_INTERVAL_MS);
  expiry.unref();
  return {
    handle: makeHandler({ content, repositories, uploads, ...(onError && { onError }) }),
    [Symbol.dispose]() {
      clearInterval(expiry);
      uploads.close();
    },
  };
}
