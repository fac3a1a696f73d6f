/** A registry over a folder, without a socket. */
import { type Handler, type HandlerOptions, makeHandler } from "./handler.ts";
import { openStorage } from "./storage/storage.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits, Uploads } from "./uploads.ts";

/** Where a registry keeps its things and how it behaves. One process at a time serves a folder. */
export interface StorageOptions {
  /** Made if it is not there. */
  readonly root: string;
  readonly uploads?: UploadLimits;
  /** Told of failures that are ours; clients see only their code. */
  readonly onError?: NonNullable<HandlerOptions["onError"]>;
}

/** A registry that answers whoever calls it. Disposing leaves unfinished uploads to the next process. */
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
  const storage = openStorage(root);
  const uploads = Uploads.open(storage, limits);
  const tidy = (): void => {
    uploads.expire(Date.now()).catch((error: unknown) => onError?.(error));
  };
  const expiry = setInterval(tidy, EXPIRY_INTERVAL_MS);
  expiry.unref();
  return {
    handle: makeHandler({ storage, uploads, ...(onError && { onError }) }),
    [Symbol.dispose]() {
      clearInterval(expiry);
      uploads.close();
      storage[Symbol.dispose]();
    },
  };
}
